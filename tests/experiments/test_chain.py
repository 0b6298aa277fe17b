"""Chains of operations on real tensors: their texts, their limits, what is measured, and what the tutorial claims."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from core.experiments.chain import large, operation, operations
from core.experiments.chain.operation import MAX_ELEMENTS, MAX_RANK, WHOLE
from core.experiments.chain.operations import Step, default_step, make_step
from core.experiments.chain.presets import PRESETS
from core.experiments.chain.run import followed, run_chain, sources, whole_storage, write_through
from core.experiments.chain.table import OPERATIONS
from core.experiments.chain.text import format_chain, format_step, parse_chain, parse_shape, parse_step, start_tensor
from core.experiments.layout import addresses, rule
from core.experiments.layout.rule import Copy, Layout
from core.tensors.dtypes import DTYPES
from tests.experiments.test_layout import arguments, tensors

pytestmark = pytest.mark.filterwarnings("ignore:.*(T. on tensors|T is deprecated)")


def run(shape, text, dtype=torch.float32, fill="arange"):
    return run_chain(start_tensor(shape, dtype, fill), parse_chain(text))


# ---- random chains ---------------------------------------------------------------------------------------------

numbers = st.integers(-(10**6) + 1, 10**6 - 1)


@st.composite
def any_steps(draw):
    """A step of the right form, whether or not any tensor accepts it."""
    op = draw(st.sampled_from(list(OPERATIONS)))
    values = []
    for parameter in OPERATIONS[op].parameters:
        if parameter.is_tuple:
            values.append(tuple(draw(st.lists(numbers, max_size=MAX_RANK))))
        else:
            values.append(draw(numbers | st.none() if parameter.optional else numbers))
    return Step(op, tuple(values))


@st.composite
def chains(draw, most=5):
    """A start tensor and steps, most of which it accepts."""
    shape = tuple(draw(st.lists(st.integers(1, 4), max_size=4) | st.lists(st.integers(0, 2), min_size=1, max_size=3)))
    x = start_tensor(shape, draw(st.sampled_from(list(DTYPES.values()))), draw(st.sampled_from(["arange", "rows"])))
    steps, last = [], run_chain(x, [])[0]
    for _ in range(draw(st.integers(0, most))):
        op = draw(st.sampled_from(list(OPERATIONS)))
        try:
            step = make_step(op, *draw(arguments(last.tensor, op)))
        except ValueError:  # more than MAX_RANK numbers
            continue
        result = run_chain(x, [*steps, step])[-1]
        if result.status == "ok" or draw(st.integers(0, 4)) == 0:
            steps.append(step)
        if result.status == "ok":
            last = result
        elif steps and steps[-1] is step:
            break
    return x, steps


# ---- texts -----------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.lists(any_steps(), max_size=operation.MAX_STEPS))
def test_text_and_steps_lead_to_each_other(drawn):
    text = format_chain(drawn)
    assume(len(text) <= operation.MAX_TEXT)
    assert parse_chain(text) == tuple(drawn)
    assert hash(parse_chain(text)) == hash(tuple(drawn))
    assert [parse_step(format_step(step)) for step in drawn] == drawn


@pytest.mark.parametrize(
    ("text", "written", "code"),
    [
        ("view( 5, 6 )", "view(5,6)", "x.view(5, 6)"),
        ("view((5,6))", "view(5,6)", "x.view(5, 6)"),
        ("view()", "view()", "x.view(())"),
        ("T", "T", "x.T"),
        ("T()", "T", "x.T"),
        ("contiguous", "contiguous", "x.contiguous()"),
        ("slice(0,None,None,2)", "slice(0,None,None,2)", "x[::2]"),
        ("slice(1,2)", "slice(1,2,None,None)", "x[:, 2:]"),
        ("slice(-2,1,3)", "slice(-2,1,3,None)", "x[..., 1:3, :]"),
        ("squeeze", "squeeze()", "x.squeeze()"),
        ("squeeze(0)", "squeeze(0)", "x.squeeze(0)"),
        ("squeeze(0,2)", "squeeze(0,2)", "x.squeeze((0, 2))"),
        ("movedim(0,-1)", "movedim(0,-1)", "x.movedim(0, -1)"),
        ("unflatten(2,(2,3))", "unflatten(2,(2,3))", "x.unflatten(2, (2, 3))"),
        ("as_strided((5,),(6,),0)", "as_strided(5,6,0)", "x.as_strided((5,), (6,), 0)"),
        ("as_strided((2,2),(1,1))", "as_strided((2,2),(1,1),None)", "x.as_strided((2, 2), (1, 1))"),
        ("channels_last", "channels_last", "x.to(memory_format=torch.channels_last)"),
        ("resize_(2,3)", "resize_(2,3)", "x.resize_(2, 3)"),
    ],
)
def test_how_steps_are_read_and_written(text, written, code):
    step = parse_step(text)
    assert format_step(step) == written
    assert step.code() == code
    assert parse_step(written) == step


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("banana(1)", "no operation `banana`.*view"),
        ("view(5,6", "form name"),
        ("view 5 6", "can't read|form name|no operation"),
        ("view(5,,6)", "can't read `,6"),
        ("view(5,)", "missing after the last comma"),
        ("view(1e309)", "can't read `1e309"),
        ("view(2.5)", "can't read"),
        ("view(" + "9" * 14 + ")", "at most 13 digits"),
        ("view(" + "9" * 1000 + ")", "at most 13 digits"),
        ("view(1,1,1,1,1,1,1,1,1)", "9 numbers; at most 8"),
        ("view(None)", "shape must be a whole number"),
        ("select(0)", r"takes select\(dim, index\), but 1"),
        ("T(1)", r"takes T\(\), but 1"),
        ("select(0,(1,2))", "index must be a whole number"),
        ("unfold(0,None,1)", "size must be a whole number"),
        ("view(٣)", "can't read"),
        ("view(−1)", "can't read"),
        ("__import__('os').system('ls')", "no operation `__import__`"),
        ("view(__class__)", "can't read"),
        ("view(5,6);T", "can't read|form name"),
        ("<script>", "form name|no operation"),
        ("view(\x00)", "can't read"),
        ("x" * 30, "form name"),
    ],
)
def test_a_wrong_step_is_refused_in_a_sentence(text, says):
    with pytest.raises(ValueError, match=says) as refused:
        parse_step(text)
    assert len(str(refused.value)) < 600
    assert str(refused.value).isprintable()


def test_a_wrong_chain_names_the_step():
    with pytest.raises(ValueError, match="step 2: there is no operation `viev`"):
        parse_chain("T>viev(3)>T")
    with pytest.raises(ValueError, match="13 steps; at most 12"):
        parse_chain(">".join(["T"] * 13))
    with pytest.raises(ValueError, match="at most 2000 are read"):
        parse_chain("T>" * 5000)
    with pytest.raises(ValueError, match="step 2: `` is not of the form"):
        parse_chain("T>")
    assert parse_chain("") == parse_chain("  \n") == ()


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="viewT()>,-0123456789None ", max_size=60))
def test_any_text_is_a_chain_or_a_sentence(text):
    steps, problem = (), ""
    try:
        steps = parse_chain(text)
    except ValueError as error:
        problem = str(error)
    assert problem.isprintable()
    assert parse_chain(format_chain(steps)) == steps


@pytest.mark.parametrize(
    ("text", "shape"), [("2,3,4", (2, 3, 4)), ("(2, 3)", (2, 3)), ("2x3×4", (2, 3, 4)), ("[7]", (7,)), ("0,3", (0, 3))]
)
def test_shapes_are_read(text, shape):
    assert parse_shape(text) == shape


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2,,3", "can't read"),
        ("-1,3", "can't read"),
        ("99999999999999", "can't read"),
        ("99999999,999999", "1,099,511,627,776 are the most"),
        ("1,1,1,1,1,1,1,1,1", "9 dimensions"),
        ("zwei", "can't read"),
        ("٣", "can't read"),
    ],
)
def test_wrong_shapes_are_refused_in_a_sentence(text, says):
    with pytest.raises(ValueError, match=says):
        parse_shape(text)


# ---- the start -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES.values())
@pytest.mark.parametrize("fill", ["arange", "rows"])
@pytest.mark.parametrize("shape", [(6, 5), (3,), (), (2, 0), (2, 3, 4), (300,)])
def test_the_start_counts_its_cells_or_those_of_each_row(shape, dtype, fill):
    x = start_tensor(shape, dtype, fill)
    assert (x.shape, x.dtype) == (shape, dtype)
    cells = torch.arange(math.prod(shape)).reshape(shape)
    numbers = cells % shape[-1] if fill == "rows" and x.numel() and shape else cells
    assert torch.equal(x, numbers % 2 == 1 if dtype is torch.bool else numbers.to(dtype))
    assert Layout.of(x) == rule.fresh(shape)


def test_the_tutorials_start():
    assert torch.equal(start_tensor((6, 5), torch.int64, "rows"), torch.arange(5).repeat((6, 1)))


@pytest.mark.parametrize("shape", [(2**40 + 1,), (1,) * 9, (-1, 2), (10**9, 10**9)])
def test_a_start_beyond_the_limits_is_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        start_tensor(shape)


# ---- operations to begin with ----------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(tensors())
def test_a_step_offered_first_is_accepted_by_torch(x):
    assume(x.dim() <= MAX_RANK)
    for op in operations.usable(Layout.of(x)):
        (_, stage) = run_chain(x, [default_step(op, Layout.of(x))])
        assert stage.status == "ok"


@pytest.mark.parametrize("shape", [(12,), (6, 5), (2, 3, 4), (2, 3, 4, 5), (1, 5), (7, 1)])
@pytest.mark.parametrize("before", ["", "T", "flip(0)", "slice(0,1)"])
@pytest.mark.parametrize("op", OPERATIONS)
def test_every_operation_has_a_first_step(shape, before, op):
    last = run(shape, before)[-1]
    works = op in operations.usable(last.facts.layout)
    assert (
        works
        or (op in ("mT", "diagonal", "tril", "triu", "rot90") and len(shape) == 1)
        or (op == "channels_last" and len(shape) != 4)
        or (op == "channels_last_3d" and len(shape) != 5)
        or (op == "take_along_dim" and before == "T")  # which is a view of the whole as a row
    )


# ---- what is measured ------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(chains())
def test_stages_tell_what_torch_did_and_the_prediction_agrees(case):
    x, steps = case
    before = x.clone()
    stages = run_chain(x, steps)
    assert torch.equal(x, before)
    assert len(stages) == len(steps) + 1
    for stage, previous in zip(stages[1:], stages, strict=False):
        assert stage.agrees
        if stage.status != "ok":
            assert stage.explanation
            continue
        facts, tensor = stage.facts, stage.tensor
        same = tensor.untyped_storage()._cdata == previous.tensor.untyped_storage()._cdata
        assert (facts.verdict in ("view", "itself", "in place")) == same == (facts.storage == previous.facts.storage)
        assert (facts.verdict == "itself") == (tensor is previous.tensor)
        assert facts.layout.shape == tuple(tensor.shape)
        assert facts.layout.stride == tensor.stride()
        assert facts.is_contiguous == tensor.is_contiguous() == rule.is_contiguous(facts.layout)
        assert facts.extent.bytes_viewed == tensor.numel() * facts.itemsize
        # the picture of the storage and the tensor show the same numbers
        assert torch.equal(stage.cells[torch.from_numpy(addresses.addresses(facts.layout))], tensor)
    for one in stages:
        for other in stages:
            if one.facts and other.facts:
                same = one.tensor.untyped_storage()._cdata == other.tensor.untyped_storage()._cdata
                assert (one.facts.storage == other.facts.storage) == same


@settings(max_examples=100, deadline=None)
@given(chains())
def test_the_code_shown_makes_the_same_tensors(case):
    x, steps = case
    assume(not any(step.op == "resize_" for step in steps))
    names = {"torch": torch, "F": F, "x0": x.clone()}
    for stage in run_chain(x, steps)[1:]:
        if stage.status == "ok":
            exec(stage.code, names)
            there = names[f"x{stage.number}"]
            assert torch.equal(there, stage.tensor)
            assert there.stride() == stage.tensor.stride()


def test_copies_without_a_byte_are_told_from_views():
    """All their data pointers are null, which says nothing."""
    stages = run((0, 2), "T>clone>flip(0)>view(2,0)")
    assert [stage.facts.verdict for stage in stages[1:]] == ["view", "copy", "copy", "view"]
    assert [stage.facts.storage for stage in stages] == [0, 0, 1, 2, 2]


def test_a_chain_starts_from_any_layout_and_leaves_the_tensor_alone():
    x = torch.arange(24.0).reshape(4, 6).T[1:]
    stages = run_chain(x, parse_chain("resize_(30)"))
    assert stages[0].facts.layout == Layout.of(x)
    assert x.shape == (5, 4)
    assert whole_storage(x).numel() == 24
    assert stages[1].facts.verdict == "in place"


def test_a_refused_view_has_torchs_words_the_pair_and_what_reshape_does():
    *_, before, stage, after = run((3, 4), "transpose(0,1)>view(12)>T")
    with pytest.raises(RuntimeError) as theirs:
        before.tensor.view(12)
    assert stage.message == str(theirs.value)
    assert stage.error_type == "RuntimeError"
    (pair,) = stage.refusals
    assert (pair.left_dim, pair.right_dim, pair.left_stride, pair.needed_stride, pair.new_dim) == (0, 1, 1, 12, 0)
    assert stage.instead == Layout.of(before.tensor.reshape(12))
    assert "1 ≠ 4·3 = 12" in stage.explanation
    assert (after.status, after.tensor) == ("not run", None)
    assert "step 2 was refused" in after.explanation
    with pytest.raises(ValueError, match="no tensor"):
        _ = after.cells


def test_every_torch_refusal_comes_with_its_type_and_our_reason():
    for text, error in [
        ("permute(0,0)", "RuntimeError"),
        ("select(0,9)", "IndexError"),
        ("slice(0,None,None,-1)", "ValueError"),
        ("as_strided((99,),(1,),0)", "RuntimeError"),
        ("view(-1,-1)", "RuntimeError"),
        ("unfold(0,9,1)", "RuntimeError"),
        ("channels_last", "RuntimeError"),
    ]:
        stage = run((3, 4), text)[-1]
        assert (stage.status, stage.error_type) == ("refused", error), text
        assert stage.message
        assert stage.explanation.endswith(".")


# ---- limits ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "expand(999999,999999,3,4)",
        "resize_(999999,999999,999999)",
        "resize_(1099511627777)",
        "as_strided((99999999,99999999),(0,0),0)",
        "expand(99999999999,3,4)>contiguous",
        ">".join(["unsqueeze(0)"] * 7),
        ">".join(["unfold(0,1,1)"] * 7),
    ],
)
def test_nothing_grows_beyond_the_limits(text):
    stages = run((3, 4), text)
    stopped = next(stage for stage in stages if stage.status != "ok")
    assert "are the most here" in stopped.explanation
    assert stopped.message == ""  # torch was not even asked


@settings(max_examples=150, deadline=None)
@given(st.lists(any_steps(), max_size=5))
def test_no_text_makes_a_large_tensor(steps):
    for stage in run_chain(start_tensor((3, 4)), steps):
        if stage.tensor is not None:
            assert stage.tensor.dim() <= MAX_RANK
            assert max(stage.tensor.numel(), whole_storage(stage.tensor).numel()) <= MAX_ELEMENTS
            assert stage.tensor.is_meta or max(stage.tensor.numel(), whole_storage(stage.tensor).numel()) <= WHOLE
            assert all(n >= 0 for n in stage.tensor.shape)


@pytest.mark.parametrize("shape", [(0, 2**32), (3000, 4000, 0, 700)])
def test_sizes_beside_a_0_are_not_gone_through(shape):
    assert all(stage.tensor.is_meta for stage in run(shape, "flip(0)>T"))


def test_a_size_of_minus_1_goes_no_further():
    stage = run((), "resize_(0,-1)>clone")[1]
    assert stage.status == "refused"
    assert "torch lets it pass" in stage.explanation


def test_a_start_or_chain_beyond_the_limits_is_refused():
    with pytest.raises(ValueError, match="the tensor to start from"):
        run_chain(torch.empty(2**40 + 1, device="meta"), [])
    with pytest.raises(ValueError, match="13 steps"):
        run_chain(torch.zeros(3), [Step("T")] * 13)


# ---- resize_ and unwritten memory ------------------------------------------------------------------------------


def test_resize_shows_the_stage_before_as_it_was_and_marks_unwritten_cells():
    start, smaller, grown = run((2, 3), "resize_(2,2)>resize_(3,3)")
    assert start.tensor.shape == (2, 3)
    assert smaller.tensor.tolist() == [[0, 1], [2, 3]]
    assert smaller.facts.uninitialised == frozenset()
    assert grown.facts.uninitialised == {6, 7, 8}
    assert grown.tensor.tolist() == [[0, 1, 2], [3, 4, 5], [0, 0, 0]]
    assert {stage.facts.storage for stage in (start, smaller, grown)} == {0}
    assert len(start.cells) == 6
    assert len(grown.cells) == 9
    assert "2 cells of the storage are not read" in smaller.explanation
    assert "grew by 3 cells" in grown.explanation


def test_unwritten_cells_are_followed_through_views_and_copies():
    *_, view, copy = run((2, 3), "resize_(3,3)>T>contiguous")
    assert view.facts.uninitialised == {6, 7, 8}
    assert copy.facts.uninitialised == {2, 5, 8}  # the last column now
    *_, flipped, cut = run((2, 3), "resize_(3,3)>flip(0)>slice(0,1)>clone")
    assert flipped.facts.uninitialised == {0, 1, 2}
    assert cut.facts.uninitialised == frozenset()


# ---- writing through -------------------------------------------------------------------------------------------


def changed(written):
    return {w.number: w.changed.nonzero().tolist() for w in written}


def test_a_write_reaches_every_view_and_no_copy():
    stages = run((3, 4), "T>contiguous>view(12)")
    values = [stage.tensor.clone() for stage in stages]
    written = write_through(stages, 1, (2, 1), -7)
    assert changed(written) == {0: [[1, 2]], 1: [[2, 1]], 2: [], 3: []}
    assert written[0].tensor[1, 2] == -7
    assert all(torch.equal(stage.tensor, value) for stage, value in zip(stages, values, strict=True))


def test_a_write_through_expand_changes_every_element_of_the_cell():
    assert changed(write_through(run((1, 3), "expand(4,3)"), 1, (2, 0), 9))[1] == [[0, 0], [1, 0], [2, 0], [3, 0]]


@settings(max_examples=100, deadline=None)
@given(chains(), st.data())
def test_what_changes_is_what_shares_the_cell(case, data):
    stages = run_chain(*case)
    ran = [stage for stage in stages if stage.facts and stage.tensor.numel()]
    assume(ran)
    stage = data.draw(st.sampled_from(ran))
    index = tuple(data.draw(st.integers(0, n - 1)) for n in stage.tensor.shape)
    old = stage.tensor[index]
    value = not old if old.dtype is torch.bool else (1 if old != 1 else 2)
    cell = addresses.address(stage.facts.layout, index)
    for other in write_through(stages, stage.number, index, value):
        facts = stages[other.number].facts
        shared = facts.storage == stage.facts.storage
        reads_it = torch.as_tensor(addresses.addresses(facts.layout) == cell) & shared
        assert torch.equal(other.changed, reads_it)


def test_nan_over_nan_is_no_change():
    stages = run_chain(torch.tensor([float("nan"), 1.0]), parse_chain("view(2,1)"))
    assert not any(w.changed.any() for w in write_through(stages, 0, (0,), float("nan")))
    assert changed(write_through(stages, 0, (1,), float("nan"))) == {0: [[1]], 1: [[1, 0]]}


@pytest.mark.parametrize(
    ("stage", "index", "value", "dtype"),
    [
        (5, (0, 0), 1, torch.float32),
        (-1, (0, 0), 1, torch.float32),
        (2, (0,), 1, torch.float32),
        (0, (3, 0), 1, torch.float32),
        (0, (0,), 1, torch.float32),
        (0, (0, 0), 300, torch.uint8),
        (0, (0, 0), 10**30, torch.int64),
        (0, (0, 0), "one", torch.float32),
    ],
)
def test_a_write_that_can_not_be_is_refused_in_a_sentence(stage, index, value, dtype):
    stages = run((3, 4), "T>view(12)", dtype)
    with pytest.raises(ValueError, match="write"):
        write_through(stages, stage, index, value)


def test_a_write_after_growth_starts_from_the_storage_as_it_was():
    stages = run((2, 3), "resize_(3,3)>T")
    written = write_through(stages, 2, (0, 2), 5)
    assert changed(written) == {0: [], 1: [[2, 0]], 2: [[0, 2]]}


# ---- larger tensors --------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(tensors())
def test_a_larger_tensor_keeps_the_pattern(x):
    made = large.make_large(Layout.of(x), torch.float32, elements=5000)
    assert max(made.numel(), whole_storage(made).numel()) <= max(5000, x.numel(), whole_storage(x).numel())
    assert made.dim() == x.dim()
    assert [s == 0 for s in made.stride()] == [s == 0 for s in x.stride()]
    if x.is_contiguous() and x.numel():
        assert made.is_contiguous()
    by_stride = sorted((d for d in range(x.dim()) if x.shape[d] > 1), key=lambda d: x.stride(d))
    assert sorted(by_stride, key=lambda d: made.stride(d)) == by_stride


# ---- presets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_presets_show_what_they_say(name):
    preset = PRESETS[name]
    stages = run_chain(preset.start(), preset.steps)
    assert all(stage.agrees for stage in stages)
    refused = [stage for stage in stages if stage.status == "refused"]
    assert [stage.step.op for stage in refused] == (["view"] if name in ("refused", "clone", "heads_refused") else [])
    assert parse_chain(format_chain(preset.steps)) == preset.steps


def test_the_verdicts_of_the_presets():
    def verdicts(name):
        return [stage.facts.verdict for stage in run_chain(PRESETS[name].start(), PRESETS[name].steps)[1:]]

    assert verdicts("reshape") == ["view", "view", "view", "copy"]
    assert verdicts("heads") == ["view"] * 4
    assert verdicts("nhwc") == ["view", "copy"]
    assert verdicts("flip") == ["copy"]
    assert verdicts("windows") == verdicts("conv_windows") == verdicts("expand") == verdicts("diagonal") == ["view"]


def test_the_numbers_of_the_presets():
    stage = {name: run_chain(p.start(), p.steps)[-1] for name, p in PRESETS.items()}
    counts = {name: (s.facts.layout.numel, s.facts.extent.distinct) for name, s in stage.items() if s.facts}
    assert counts["windows"] == (16, 10)
    assert counts["conv_windows"] == (108, 30)
    assert counts["expand"] == (20, 5)
    assert stage["diagonal"].tensor.tolist() == [0, 6, 12, 18, 24]
    assert stage["channels_last"].facts.is_contiguous
    assert not stage["slice"].facts.is_contiguous
    assert torch.equal(stage["heads"].tensor, PRESETS["heads"].start())
    image = PRESETS["conv_windows"].start()
    windows = torch.nn.functional.unfold(image[None, None], 3).T.reshape(3, 4, 3, 3)
    assert torch.equal(stage["conv_windows"].tensor, windows)


def test_joining_heads_too_early_by_reshape_mixes_time_steps():
    refused = run_chain(PRESETS["heads_refused"].start(), PRESETS["heads_refused"].steps)
    x, heads = refused[0].tensor, refused[2].tensor
    assert not torch.equal(heads.reshape(2, 4, 6), x)


# ---- what the tutorial claims about memory, and what runs say ---------------------------------------------------

ROWS = {"dtype": torch.int64, "fill": "rows"}


def test_claim_view_needs_a_contiguous_tensor():
    """Strides must fit; the tensor need not be contiguous, neither to cut dimensions nor to merge them."""
    for shape, text in [((6, 5), "permute(1,0)>view(5,2,3)"), ((4, 8), "slice(1,None,None,2)>view(16)")]:
        *_, before, stage = run(shape, text)
        assert not before.facts.is_contiguous
        assert (stage.status, stage.facts.verdict) == ("ok", "view")


def test_claim_the_view_of_6_by_5_is_5_by_5():
    """The comment says 5*5; 30 numbers make 5×6, and view(5, 5) is refused."""
    assert run((6, 5), "view(5,6)", **ROWS)[-1].tensor.shape == (5, 6)
    assert run((6, 5), "view(5,5)", **ROWS)[-1].error_type == "RuntimeError"


@pytest.mark.parametrize(
    ("shape", "text"), [((1, 5), "transpose(0,1)"), ((6, 5), "permute(0,1)"), ((6, 5), "permute(1,0)>transpose(0,1)")]
)
def test_claim_what_permute_and_transpose_give_is_never_contiguous(shape, text):
    """A dimension of size 1 takes no step, an order may be the old one, and a second transpose undoes the first."""
    assert run(shape, text)[-1].facts.is_contiguous


def test_claim_view_and_permute_differ_in_what_they_do_to_the_data():
    """Neither moves a number. view keeps the reading order and permute changes it."""
    view, permuted = (run((6, 5), text, **ROWS)[-1] for text in ("view(5,6)", "permute(1,0)"))
    assert view.facts.storage == permuted.facts.storage == 0
    assert torch.equal(view.cells, permuted.cells)
    assert view.tensor.shape == permuted.tensor.shape
    assert addresses.reading_order(view.facts.layout) == list(range(30))
    assert addresses.reading_order(permuted.facts.layout) != list(range(30))


def test_claim_nobody_knows_whether_reshape_copies():
    """The strides tell beforehand; here one reshape is a view and the next one a copy, both predicted."""
    stages = run((3, 4), "reshape(2,6)>reshape(3,4)>transpose(0,1)>reshape(12)")
    assert [isinstance(stage.predicted, Copy) for stage in stages[1:]] == [False, False, False, True]
    assert [stage.facts.verdict for stage in stages[1:]] == ["view", "view", "view", "copy"]


def test_claim_a_view_shares_the_storage_but_not_the_memory_address():
    """It is the same memory: the first elements have the same address."""
    start, view = run((6, 5), "view(5,6)")
    assert start.tensor.data_ptr() == view.tensor.data_ptr()


def test_claim_contiguous_returns_a_copy():
    """Only where there is something to do."""
    assert run((6, 5), "contiguous")[-1].facts.verdict == "itself"
    assert run((6, 5), "T>contiguous")[-1].facts.verdict == "copy"


def test_claim_clone_gives_a_tensor_that_can_be_viewed():
    """clone keeps the strides of a permuted tensor, so that view is refused as before."""
    *_, cloned, stage = run((6, 5), "permute(1,0)>clone>view(30)")
    assert (cloned.facts.verdict, cloned.facts.is_contiguous) == ("copy", False)
    assert stage.status == "refused"


def test_claim_resize_cuts_out_a_part():
    """Of a transposed tensor it shows the first cells of the storage, not the first rows; and it can grow."""
    _, turned, resized = run((3, 4), "T>resize_(2,2)")
    assert turned.tensor[:2, :2].tolist() == [[0, 4], [1, 5]]
    assert resized.tensor.tolist() == [[0, 1], [2, 3]]
    assert run((3, 4), "resize_(4,4)")[-1].facts.uninitialised == {12, 13, 14, 15}


def test_claim_permute_is_made_of_transposes():
    """This one is true: every permutation is a chain of swaps."""
    once = run((2, 3, 4), "permute(2,0,1)")[-1]
    swaps = run((2, 3, 4), "transpose(0,2)>transpose(1,2)")[-1]
    assert once.facts.layout == swaps.facts.layout
    assert math.prod(once.tensor.shape) == 24


# ---- where a copy's numbers came from --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "steps",
    ["transpose(0,1)>clone", "transpose(0,1)>reshape(12)", "flip(1)>T>contiguous>flip(0)", "slice(1,1,None,2)>clone"],
)
def test_every_copied_cell_names_the_cell_it_came_from(steps):
    stages = run((3, 4), steps)
    held = {stage.facts.storage: stage.cells for stage in stages}
    copies = sources(stages)
    assert set(copies) == set(held) - {0}
    for storage, came in copies.items():
        assert torch.equal(held[storage], held[storage - 1][torch.from_numpy(came)])


def test_an_address_is_followed_over_copies_both_ways():
    stages = run((3, 4), "slice(1,0,2,None)>flip(1)>clone")
    copies = sources(stages)
    assert followed(copies, 0, 4, 0) == [4]
    assert followed(copies, 0, 4, 2) == [3]  # row 1: 4, 5 → 5, 4
    assert followed(copies, 2, 3, 0) == [4]
    assert followed(copies, 0, 3, 2) == []  # was never read


def test_cells_that_resize_added_between_two_copies_came_from_nowhere():
    copies = sources(run_chain(start_tensor((2, 3)), parse_chain("T>contiguous>resize_(3,3)>clone")))
    assert followed(copies, 2, 1, 0) == [3]  # the columns of 0, 1, 2 and 3, 4, 5: 0, 3, 1, 4, 2, 5
    assert followed(copies, 2, 8, 0) == []
    assert followed(copies, 0, 5, 2) == [5]


def test_a_repeated_number_has_all_its_copies():
    copies = sources(run((1, 2), "expand(3,2)>contiguous"))
    assert followed(copies, 0, 1, 1) == [1, 3, 5]
