"""The accuracy page shows what its experiments found, at both ends of its controls."""

import json
import random
import re

import pytest
import torch

from core import words as sentences
from core.experiments import accuracy as runs
from core.topics import TOPICS
from pages.accuracy_parts import beliefs
from tests.experiments.test_accuracy import ENDS, UNPLANNED, default
from tests.linking import partners
from tests.pages.opening import boards, charts, control, held, open_page, panels, ran_alone, sound, words

FEW = {"N": "20", "train": "50"}


def said_numbers(text):
    """All numbers that stand in a text."""
    return [float(n.replace("−", "-")) for n in re.findall(r"[−-]?\d+(?:\.\d+)?(?:e-?\d+)?", text)]


def headline(app):
    return said_numbers(" ".join(part["words"] for part in boards(app)["board"].flow if "words" in part))


def matrix(app):
    return torch.tensor([int(text or 0) for text in panels(app)["confusion"].cells.texts]).view(10, 10)


@pytest.mark.parametrize(
    ("link", "changed"),
    [
        ({}, {}),
        ({"topk": "10"}, {"topk": 10}),
        ({"N": "20", "batch_size": "16", "topk": "3"}, {"count": 20, "batch_size": 16, "topk": 3}),
        (
            {"epochs": "0", "train": "50", "lr": "0.01", "seed": "3"},
            {"epochs": 0, "samples": 50, "lr": 0.01, "seed": 3},
        ),
        ({"epochs": "10", "train": "200", "lr": "1"}, {"epochs": 10, "samples": 200, "lr": 1.0}),
    ],
)
def test_the_headline_the_sum_and_the_matrix_say_the_same(link, changed):
    app, run = open_page("accuracy", **link), default(**changed)
    right = int(run.right.sum())
    assert matrix(app).tolist() == run.confusion.tolist()
    assert int(matrix(app).diagonal().sum()) == right
    assert headline(app)[:2] == [right, len(run.y)]
    added = next(m.value for m in app.markdown if f"{right} / {len(run.y)} = **" in m.value)
    found = [int(n) for n in said_numbers(added)[: 2 * len(run.sizes)]]
    assert found == [*run.right_in_batches, *run.sizes]
    assert float(added.split("**")[1]) == pytest.approx(run.share, abs=1e-4)


def test_a_cell_shows_its_images_and_each_of_them_its_classes():
    app, run = open_page("accuracy", cell="4,9"), default()
    inside = run.inside((4, 9))
    assert panels(app)["images"].picks == [str(i) for i in inside]
    best = run.scores[inside].topk(10, 1).indices
    assert panels(app)["ranks"].cells.texts == [str(c) for c in best.flatten().tolist()]
    torch.testing.assert_close(held(app, "ranks"), run.scores[inside].softmax(1).sort(1, descending=True).values)
    board = boards(app)["board"]
    for n in range(len(inside)):
        assert partners(board, "images", (n,))["confusion"] == {(4, 9)}
        assert partners(board, "images", (n,))["ranks"] == {(n, r) for r in range(1, 11)}
    assert partners(board, "confusion", (4, 9))["images"] == {(n,) for n in range(len(inside))}
    assert partners(board, "confusion", (4, 4))["images"] == set()


def test_the_first_cell_is_the_most_frequent_mistake():
    app, run = open_page("accuracy"), default()
    (pair,) = partners(boards(app)["board"], "images", (0,))["confusion"]
    assert pair[0] != pair[1]
    off = run.confusion - run.confusion.diagonal().diag()
    assert len(panels(app)["images"].picks) == int(run.confusion[pair]) == int(off.max())


def test_a_picked_image_shows_its_place():
    app, run = open_page("accuracy", image="77"), default()
    at = panels(app)["images"].picks.index("77")
    assert boards(app)["board"].pinned == ("images", (at,))
    place = run.place(77)
    assert said_numbers(panels(app)["images"].cells.notes[at])[:4] == [77, run.y[77], run.scores[77].argmax(), place]
    assert panels(app)["ranks"].cells.texts[10 * at + place - 1] == str(int(run.y[77]))
    empty = open_page("accuracy", cell="0,1", image="77", N="20")
    assert "images" not in panels(empty)
    last = default().inside((1, 1))[-1]
    full = open_page("accuracy", cell="1,1", image=str(last))
    assert panels(full)["images"].picks[-1] == str(last)
    assert sum(len(json.dumps(spec)) for spec in charts(full).values()) < 150_000


LINKS = {
    "Before training": ({"epochs": "0"}, {"epochs": 0}),
    "Among the 3 best": ({"topk": "3"}, {"topk": 3}),
    "A small last batch": ({"N": "20", "batch_size": "16"}, {"count": 20, "batch_size": 16}),
    "Fours taken for nines": ({"N": "2000", "cell": "4, 9"}, {"count": 2000}),
    "Fifty training images": ({"train": "50", "epochs": "10"}, {"samples": 50, "epochs": 10}),
}


def test_what_is_said_of_the_links_to_try_is_so():
    found = {name: default(**changed) for name, (_, changed) in LINKS.items()}
    untrained = found["Before training"]
    assert 0.05 < untrained.share < 0.15
    assert untrained.confusion.sum(0).topk(4).values.sum() > 0.9 * len(untrained.y)
    plain, three = default(), found["Among the 3 best"]
    assert (~three.right).sum() < (~plain.right).sum() / 2
    assert bool(default(topk=9).right.all())
    uneven = runs.means(found["A small last batch"].right_in_batches, found["A small last batch"].sizes)
    assert (uneven.first, uneven.last, uneven.same) == (16, 4, False)
    nines = found["Fours taken for nines"]
    assert len(nines.inside((4, 9))) > 8
    learnt = runs.learnt(50, 0.2, 0)
    assert learnt.on_training > 0.85
    assert learnt.on_test == pytest.approx(0.5, abs=0.1)


def test_the_page_knows_the_links_to_try_when_it_stands_at_one():
    for number, (link, _) in enumerate(LINKS.values()):
        app = open_page("accuracy", tab="Code", **link)
        (pills,) = app.pills
        assert list(pills.options) == list(LINKS)
        assert pills.value == number


@pytest.mark.parametrize("run", [*(default(**ends) for ends in ENDS[:2]), *UNPLANNED.values()])
def test_every_pitfall_finds_its_words(run):
    for pitfall in beliefs.pitfalls(run):
        facts = pitfall.run()
        says = sentences.say(pitfall.says if isinstance(pitfall.says, str) else pitfall.says(facts), facts)
        assert not re.search(r"[{}]|-0\.0\b|None", says), says


def test_the_pitfalls_turn_with_their_facts():
    """The same claim, borne out or not: the words differ, and name the numbers that decide."""
    one, several = UNPLANNED["one batch"], UNPLANNED["equal"]
    for number in (0, 2):
        says = [beliefs.pitfalls(run)[number].says(beliefs.pitfalls(run)[number].run()) for run in (one, several)]
        assert says[0] != says[1]
    stale = runs.stale_scores(default())
    assert stale.refusal in sentences.say(beliefs.says_stale(stale), stale)
    assert "{refusal}" not in beliefs.says_stale(runs.stale_scores(default(batch_size=100)))
    assert beliefs.says_divided(runs.divided_twice(UNPLANNED["none right"])) != beliefs.says_divided(
        runs.divided_twice(default())
    )


def test_pitfalls_show_their_numbers_on_the_page():
    said, run = words(open_page("accuracy")), default()
    stale, step = runs.stale_scores(run), runs.small_step(run)
    for number in (f"{stale.tutorial:.4g}", f"{stale.right:.4g}", sentences.spelled(step.loss)):
        assert f"**{number}**" in said
    assert stale.refusal in said


@pytest.mark.parametrize("tab", ["Batch by batch", "k best and classes", "Training", "Walk through"])
@pytest.mark.parametrize("link", [{}, FEW | {"batch_size": "10", "epochs": "0"}, {"topk": "10", "N": "100"}])
def test_tabs_at_the_ends(tab, link):
    app = open_page("accuracy", tab=tab, **link)
    run = default(
        count=int(link.get("N", 500)), batch_size=int(link.get("batch_size", 128)), topk=int(link.get("topk", 1)),
        samples=int(link.get("train", 8000)), epochs=int(link.get("epochs", 2)),
    )  # fmt: skip
    said = app.markdown[-1].value
    if tab == "Batch by batch":
        found = runs.means(run.right_in_batches, run.sizes)
        assert held(app, "batches").tolist() == pytest.approx(found.shares)
        assert (f"{found.mean:.5g}" in said) or found.first == found.last
    elif tab == "k best and classes":
        found = runs.class_shares(run)
        assert f"{found.low:.4g}" in said
    elif tab == "Training":
        found = runs.learnt(run_samples := int(link.get("train", 8000)), 0.2, 0)
        assert {run_samples, 2000} <= {int(n) for n in said_numbers(said.replace(",", "")) if n == int(n)}
        assert f"**{found.on_test:.4g}**" in said


def test_the_walk_by_hand_goes_through_the_k_best():
    app = open_page("accuracy", tab="Walk through", topk="3")
    sound(control(app, "walk_of").set_value("correct").run())
    assert " 3 " in app.caption[-2].value


@pytest.mark.parametrize("link", [{"cell": "10,0"}, {"image": "99999"}, {"N": "7"}, {"topk": "0"}, {"lr": "nan"}])
def test_a_hostile_link_shows_the_default_page_and_says_so(link):
    app, run = open_page("accuracy", **link), default()
    assert headline(app)[:2] == [int(run.right.sum()), 500]
    assert any("orange" in m.value for m in app.markdown)


def test_controls_move_together():
    app = open_page("accuracy", image="450")
    sound(control(app, "N").set_value(100).run())
    assert any("450" in m.value for m in app.markdown)


def test_questions_are_answered_by_counting():
    app, run = open_page("accuracy", tab="Predict"), default()
    asks = [m.value for m in app.markdown if m.value.startswith("**")]
    ask = next(a for a in asks if a.startswith("**Row"))
    c, *row = (int(n) for n in said_numbers(ask)[:11])
    assert row == run.confusion[c].tolist()
    zeros = int((run.y == 0).sum())
    (k,) = (int(n) for a in asks for n in re.findall(r"among the (\d) best", a))
    n, last = next((int(n), int(m)) for a in asks for n, m in re.findall(r"A batch of (\d+),.* one of (\d+),", a))
    size = next(int(n) for a in asks for n in re.findall(r"one batch of (\d+):", a))
    answers = (row[c] / sum(row), zeros / 500, k / 10, n / (n + last), 1 / size)
    for number, answer in enumerate(answers):
        app.text_input(key=f"answer accuracy {number} 0 given").set_value(f"{answer:.4g}")
        sound([b for b in app.button if b.label == "Commit"][number].click().run())
    assert len(app.success) == 5
    covering = beliefs.questions(run)
    assert [draw(random.Random(0)).covers for draw in covering].count(("confusion",)) == 1


def test_code_names_what_it_is_compared_with_and_no_page_that_is_not_there():
    (operator,) = next(topic.operators for topic in TOPICS if topic.name == "accuracy")
    app = open_page("accuracy", tab="Code")
    assert not any("docs.pytorch.org" in m.value for m in app.markdown)
    assert any(operator.torch.__name__ in code.value and "torch.topk" in code.value for code in app.code)


def test_the_script_reproduces_the_counts(tmp_path):
    app = open_page("accuracy", tab="Take away", N="100", topk="2")
    out, said = ran_alone(app, tmp_path)
    run = default(count=100, topk=2)
    assert out["share_right"].item() == pytest.approx(run.share)
    assert torch.equal(out["confusion"], run.confusion)
    assert said.count(" == torch\n") == 2
