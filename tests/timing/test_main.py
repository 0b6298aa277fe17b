"""The command line and its table."""

import pytest

from core import topics
from core.timing import __main__ as command
from core.timing import report, results, runner
from core.timing.results import Measurement
from tests.timing.fakes import Clock, operator
from tests.timing.test_results import result_of, timed

REGISTERED = topics.operators()


@pytest.fixture(autouse=True)
def two_operators(monkeypatch):
    monkeypatch.setattr(runner, "SLICE_S", 0.002)
    both = (free("fake.plus_one"), free("fake.also"))
    monkeypatch.setattr(topics, "operators", lambda: both)


def free(name, **other):
    """x + 1 at no cost but its own."""
    function = lambda x: x + 1  # noqa: E731
    return operator(Clock(), name, manual=function, torch=function, textbook=None, **other)


def table_of(capsys, *arguments):
    code = command.main(["--tiers", "textbook,manual,torch", *arguments, "--device", "cpu", "--sizes", "small"])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_it_prints_a_row_for_each_tier_and_progress_apart(capsys):
    code, out, err = table_of(capsys)
    assert code == 0
    assert "forward, float32, 1 thread" in out
    assert "GB/s" in out
    rows = [line.split()[:3] for line in out.splitlines() if line.startswith("fake.")]
    assert rows == [[name, "10", tier] for name in ("fake.plus_one", "fake.also") for tier in ("manual", "torch")]
    assert "100%" in err
    assert "fake.also 10 manual" in err


def test_json_and_settings(capsys, tmp_path):
    path = tmp_path / "result.json"
    code, _, _ = table_of(
        capsys,
        "--ops",
        "also",
        "--dtype",
        "float64",
        "--backward",
        "--tiers",
        "manual",
        "--seed",
        "7",
        "--threads",
        "1",
        "--budget",
        "99",
        "--json",
        str(path),
    )
    result = results.from_json(path.read_text())
    assert code == 0
    assert {m.operator for m in result.measurements} == {"fake.also"}
    s = result.settings
    assert (s.dtype, s.backward, s.tiers, s.seed, s.budget_s) == ("float64", True, ("manual",), 7, 99.0)


def test_a_wrong_version_gives_exit_code_1(capsys, monkeypatch):
    wrong = operator(Clock(), manual=lambda x: x + 2, torch=lambda x: x + 1, textbook=None)
    monkeypatch.setattr(topics, "operators", lambda: (wrong,))
    code, out, _ = table_of(capsys)
    assert code == 1
    assert "wrong: value differs from torch's by 1" in out


def test_operators_are_named_as_plain_arguments_too(capsys):
    assert "fake.plus_one" not in table_of(capsys, "also")[1]
    _, out, _ = table_of(capsys, "also", "plus_one")
    assert {"fake.also", "fake.plus_one"} <= {line.split()[0] for line in out.splitlines() if line.startswith("fake.")}


@pytest.mark.parametrize(
    ("arguments", "naming"),
    [
        (["nonsense"], "there is no operator 'nonsense'"),
        (["--ops", "nonsense"], "there is no operator 'nonsense'; there are also, plus_one"),
        (["--tiers", "fast"], "tiers must be among"),
        (["--device", "cuda:99"], "device must be among"),
        (["--threads", "0"], "threads must be at least 1"),
        (["--dtype", "int8"], "invalid choice"),
    ],
)
def test_what_is_not_allowed_is_refused_in_a_sentence(capsys, arguments, naming):
    with pytest.raises(SystemExit) as exit_:
        command.main(["--device", "cpu", *arguments])
    assert exit_.value.code == 2
    assert naming in capsys.readouterr().err


def test_operators_are_chosen_by_short_or_dotted_name():
    operators = topics.operators()
    assert command.chosen(operators, "") == operators
    assert command.chosen(operators, "also, ") == operators[1:]
    assert command.chosen(operators, "fake.plus_one") == operators[:1]


def test_the_table_shows_ratio_spread_and_memory():
    result = result_of(
        timed("manual", 3e-6, size=20, peak=300, operator="fake.plus_one"),
        timed("torch", 2e-6, size=20, peak=100, operator="fake.plus_one"),
        Measurement("fake.plus_one", 20, "textbook", "left out", "too slow"),
        Measurement("fake.also", 10, "manual", "left out", "it has no gradient"),
        Measurement("fake.also", 10, "torch", "left out", "it has no gradient"),
    )
    lines = report.table(result).splitlines()
    cells = {tuple(line.split()[:3]): line for line in lines}
    assert cells["fake.plus_one", "20", "manual"].split()[3:] == ["3", "µs", "1.50", "1.12–2.00", "3.00"]
    assert cells["fake.plus_one", "20", "textbook"].endswith("left out: too slow")
    assert cells["fake.also", "all", "all"].endswith("left out: it has no gradient")
    assert len([line for line in lines if line.startswith("fake.")]) == 4


@pytest.mark.parametrize(
    ("value", "text"), [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (1e-6, "1 µs"), (3.21e-7, "321 ns"), (0.0, "0 ns")]
)
def test_seconds(value, text):
    assert report.seconds(value) == text


def test_every_operator_of_the_registry_is_named_once():
    names = [op.mirrors for op in REGISTERED]
    assert len(names) == len(set(names))
    assert {"torch.nn.functional.conv2d", "torch.nn.functional.dropout"} <= set(names)
