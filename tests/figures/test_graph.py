"""The picture of the autograd graph, against graphs that torch recorded."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.experiments.autograd import Graph, build_expression, graph_of
from core.figures import graph
from core.figures.board import Board, Cells, Panel
from tests import linking


def texts(figure):
    return [note.text for note in figure.layout.annotations if note.text]


def boxes(figure):
    return [shape for shape in figure.layout.shapes if shape.type == "rect"]


def arrows(figure, dash):
    return [shape for shape in figure.layout.shapes if shape.type == "path" and shape.line.dash == dash]


def test_every_node_has_a_box_and_every_edge_an_arrow():
    run = build_expression()
    figure = graph.draw(run.graph)
    assert len(boxes(figure)) == len(run.graph.nodes) == 6
    assert len(arrows(figure, None)) == len(run.graph.edges) == 6
    assert any("<b>a</b> · ExpBackward0" in text and "keeps result = a 12 B" in text for text in texts(figure))
    assert any("adds into x.grad" in text for text in texts(figure))


def test_nodes_of_one_name_have_each_a_box_of_their_own():
    x = torch.rand(4, requires_grad=True)
    recorded = graph_of((x * x).sum() + (x[:1] * x[:1]).sum() + x.exp().sum() + x.exp().sum())
    figure = graph.draw(recorded)
    assert len(boxes(figure)) == len(recorded.nodes) == 14
    assert len({(box.x0, box.y0) for box in boxes(figure)}) == 14
    assert len(arrows(figure, None)) == len(recorded.edges)
    (whole,), (part,) = ([text for text in texts(figure) if f"MulBackward0<br>shape ({n},)" in text] for n in (4, 1))
    assert "keeps other 16 B, self 16 B" in whole
    assert "keeps other 4 B, self 4 B" in part
    panel, _ = graph.panel(recorded, recorded, [], {})
    assert sum("`MulBackward0` keeps other 4 B, self 4 B" in said for said in panel.cells.texts) == 1


def test_of_two_alike_one_that_is_missing_is_broken():
    x = torch.rand(4, requires_grad=True)
    with torch.no_grad():
        constant = x.exp().sum()
    figure = graph.draw(graph_of(x.exp().sum() + constant), graph_of(x.exp().sum() + x.exp().sum()))
    assert [box.line.dash for box in boxes(figure)].count("dot") == 2
    assert len(arrows(figure, "dot")) == 3


def test_what_was_not_recorded_is_broken():
    run, whole = build_expression(("none", "no_grad", "none")), build_expression()
    figure = graph.draw(run.graph, whole.graph)
    assert [box.line.dash for box in boxes(figure)].count("dot") == 1
    assert len(arrows(figure, "dot")) == 2
    assert any("ExpBackward0" in text and "not recorded" in text for text in texts(figure))


def test_without_a_graph_all_is_broken():
    figure = graph.draw(Graph((), ()), build_expression().graph)
    assert {box.line.dash for box in boxes(figure)} == {"dot"}
    assert graph.describe(Graph((), ())) == "No graph: the output has no grad_fn"


def test_after_backward_nothing_is_kept():
    figure = graph.draw(build_expression().graph_after)
    assert sum("has let go" in text for text in texts(figure)) == 3


def test_a_layer_lies_below_all_that_lead_to_it():
    run = build_expression()
    assert graph.layers(run.graph) == [0, 1, 2, 3, 4, 4]


def test_words_tell_nodes_and_what_they_keep():
    said = graph.describe(build_expression(function="h + 1").graph)
    assert "AddBackward0 (a);" in said
    assert "MulBackward0, keeps other = h 12 B, self = a 12 B" in said


def test_notes_stand_in_their_boxes():
    figure = graph.draw(build_expression().graph, notes={"x": "x.grad = [1, 2]"})
    assert any("<b>x</b>" in text and "x.grad = [1, 2]" in text for text in texts(figure))


def linked(run, whole):
    """The board of a graph beside its tensors, and the numbers of the nodes by name."""
    names = ["x", "w", "h", "a", "y"]
    panel, ties = graph.panel(run.graph, whole.graph, names, {})
    row = Panel("tensors", graph.draw(whole.graph), "", Cells("tensor", (5,)))
    return Board([panel, row], [], ties), {n.tensor or n.name: i for i, n in enumerate(whole.graph.nodes)}


def test_a_node_is_tied_to_what_it_keeps_and_to_what_it_made():
    whole = build_expression()
    board, nodes = linked(whole, whole)
    for node in whole.graph.nodes:
        i = nodes[node.tensor or node.name]
        kept = {("xwhay".index(saved.tensor),) for saved in node.saved}
        assert linking.partners(board, "graph", (i,))["tensors"] == kept
        made = linking.partners(board, "graph", (i,), "origin")["tensors"]
        assert made == ({("xwhay".index(node.tensor),)} if node.tensor else set())
    assert linking.partners(board, "tensors", (2,))["graph"] == {(nodes["MulBackward0"],)}


def test_what_is_not_recorded_keeps_nothing():
    board, nodes = linked(build_expression(("none", "no_grad", "none")), build_expression())
    assert not linking.partners(board, "graph", (nodes["a"],))["tensors"]
    assert not linking.partners(board, "graph", (nodes["a"],), "origin")["tensors"]
    assert "was not recorded" in board.panels[0].cells.notes[nodes["a"]]


def test_on_a_projector_all_layers_take_less_height():
    run = build_expression()
    large, small = (graph.draw(run.graph, projector=projector) for projector in (True, False))
    assert large.layout.height < small.layout.height
    assert large.layout.width > small.layout.width
    assert [box.y0 for box in boxes(large)] != [box.y0 for box in boxes(small)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["add", "mul", "square", "branch"]), min_size=1, max_size=7))
def test_boxes_never_overlap_and_stay_inside(steps):
    x = torch.ones(2, requires_grad=True)
    made = [x]
    for step in steps:
        last = made[-1]
        made.append({"add": last + 1, "mul": last * made[0], "square": last**2, "branch": last.exp() * last}[step])
    recorded = graph_of(made[-1])
    figure = graph.draw(recorded)
    drawn = boxes(figure)
    assert len(drawn) == len(recorded.nodes)
    for i, one in enumerate(drawn):
        assert 0 <= one.x0 < one.x1 <= figure.layout.width
        assert 0 <= one.y0 < one.y1 <= figure.layout.height
        for other in drawn[i + 1 :]:
            assert one.x1 <= other.x0 or other.x1 <= one.x0 or one.y1 <= other.y0 or other.y1 <= one.y0
    for i, j in recorded.edges:
        assert drawn[i].y0 < drawn[j].y0
