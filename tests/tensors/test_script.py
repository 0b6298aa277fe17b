import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings

import core.ops
from core.data import digit, photograph
from core.experiments.layout import rule
from core.ops import convolution, dropout, softmax
from core.tensors.script import Script, embed, to_notebook, to_python
from tests.ops import like_torch
from tests.ops.like_torch import fresh
from tests.tensors import sample_helpers, sample_ops
from tests.tensors.examples import assert_identical, tensors

# Runs each file by itself, in a process from which nothing of this project can be imported.
DRIVER = """
import json, runpy, sys
for path, arguments in json.loads(sys.argv[1]):
    sys.argv = [path, *arguments]
    runpy.run_path(path, run_name="__main__")
"""


def run(folder: Path, *files: tuple[str, list[str]]) -> str:
    """What the files print, run one after the other, each with its arguments."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-W", "error", "-c", DRIVER, json.dumps(files)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def cells_as_source(notebook: str) -> str:
    """The notebook's code cells run one after the other in one namespace, and the results saved."""
    cells = ["".join(cell["source"]) for cell in json.loads(notebook)["cells"] if cell["cell_type"] == "code"]
    return (
        f"import sys\nspace = {{'__name__': '__main__'}}\nfor cell in {cells!r}:\n    exec(cell, space)\n"
        "space['torch'].save({name: space[name] for name in sys.argv[2:]}, sys.argv[1])\n"
    )


def expected(script: Script) -> dict[str, torch.Tensor]:
    """What the app itself computes for the script."""
    space = {function.__name__: function for function in script.functions} | {"torch": torch}
    space |= {
        name: tensor.detach().clone().requires_grad_(tensor.requires_grad) for name, tensor in script.inputs.items()
    }
    state = torch.get_rng_state()
    if script.seed is not None:
        torch.manual_seed(script.seed)
    exec("\n".join(script.calls), space)
    torch.set_rng_state(state)
    return {name: space[name] for name in script.results}


def conv() -> Script:
    weight = torch.tensor([[[[0.1, -0.2], [1 / 3, 1e-7]]]], requires_grad=True)
    return Script(
        title="Convolution of a digit",
        inputs={"input": digit(0)[None, None], "weight": weight},
        functions=(convolution.conv2d,),
        calls=(
            "output = conv2d(input, weight, stride=2, padding=1)",
            "output.sum().backward()",
            "gradient = weight.grad",
        ),
        results=("output", "gradient"),
        reference={"output": "torch.nn.functional.conv2d(input, weight, stride=2, padding=1)"},
    )


def dropped() -> Script:
    return Script(
        title="Dropout",
        inputs={"input": torch.linspace(-1, 1, 20).reshape(4, 5)},
        functions=(dropout.dropout, dropout.dropout_steps),
        calls=("output = dropout(input, p=0.3)", "mask = dropout_steps(input, p=0.3).mask"),
        results=("output", "mask"),
        reference={"output": "torch.nn.functional.dropout(input, p=0.3)"},
        seed=7,
    )


def softmaxed() -> Script:
    return Script(
        title="Softmax",
        inputs={"input": torch.randn(3, 4, generator=torch.Generator().manual_seed(0))},
        functions=(softmax.softmax,),
        calls=("output = softmax(input, dim=1)",),
        results=("output",),
        reference={"output": "torch.softmax(input, dim=1)"},
    )


def laid_out() -> Script:
    return Script(
        title="Layout",
        inputs={"x": torch.arange(30)},
        functions=(rule.Layout, rule.view_stride),
        calls=(
            "y = x.view(6, 5).permute(1, 0)",
            "seen = Layout(tuple(y.shape), y.stride())",
            "numbers = torch.tensor([*seen.stride, *view_stride(Layout((30,), (1,)), (6, 5))])",
        ),
        results=("y", "numbers"),
    )


def everything() -> Script:
    return Script(
        title="Everything\nthat a function may use '''\"\"\" # and a title",
        inputs={
            "x": torch.randn(3, 4, generator=torch.Generator().manual_seed(1)),
            "photo": photograph(),
            "odd_ones": torch.tensor([float("inf"), -0.0, float("nan")]),
        },
        functions=(sample_ops.work, sample_ops.draws, sample_ops.Scale),
        calls=("output = work(x)", "drawn = draws(photo)", "scaled = Scale(0.1)(odd_ones)"),
        results=("output", "drawn", "scaled", "photo"),
        seed=3,
        reference={"scaled": "odd_ones * 0.1"},
    )


SCRIPTS = {make.__name__: make for make in (conv, dropped, softmaxed, laid_out, everything)}


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> tuple[Path, str]:
    """Every script and every notebook, run once: the folder with what they saved, and what they printed."""
    folder = tmp_path_factory.mktemp("away")
    files = []
    for name, make in SCRIPTS.items():
        script = make()
        (folder / f"{name}.py").write_text(to_python(script))
        (folder / f"{name}_cells.py").write_text(cells_as_source(to_notebook(script)))
        files.append((f"{name}.py", [f"{name}.pt"]))
        files.append((f"{name}_cells.py", [f"{name}_cells.pt", *script.results]))
    return folder, run(folder, *files)


@pytest.mark.parametrize("form", ["", "_cells"], ids=["script", "notebook"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_script_and_notebook_give_the_same_numbers(ran, name, form):
    folder, _ = ran
    saved = torch.load(folder / f"{name}{form}.pt", weights_only=True)
    results = expected(SCRIPTS[name]())
    assert set(saved) == set(results)
    for result, value in results.items():
        assert_identical(saved[result].detach(), value.detach())


def test_the_results_are_printed_and_compared_with_torch(ran):
    _, said = ran
    for make in SCRIPTS.values():
        script = make()
        for name, value in expected(script).items():
            assert f"{name} {tuple(value.shape)} {value.dtype} =\n{value}" in said
        for name in script.reference:
            assert f"{name} == torch\n" in said or f"{name} ~= torch, max |difference| = " in said
    assert "!= torch" not in said


def test_the_notebook_has_the_form_of_nbformat_4_5():
    notebook = json.loads(to_notebook(conv()))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert set(notebook) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(0 < len(i) <= 64 and i.replace("-", "").isalnum() for i in ids)
    for cell in notebook["cells"]:
        code = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert set(cell) == {"id", "cell_type", "metadata", "source"} | code
        assert all(line.endswith("\n") for line in cell["source"][:-1])


def test_the_script_says_when_it_differs_from_torch(tmp_path):
    inputs = {"x": torch.tensor([1.0, float("nan")]), "on": torch.tensor([True, False])}
    reference = {"x": "x * 1", "y": "x", "on": "~on", "z": "x.double()"}
    script = Script("Off by one", inputs, (), ("y = x + 1", "z = x * 1"), ("y",), reference)
    (tmp_path / "off.py").write_text(to_python(script))
    said = run(tmp_path, ("off.py", []))
    assert "x ~= torch, max |difference| = 0\n" in said
    assert "y != torch, max |difference| = 1\n" in said
    assert "on != torch, max |difference| = 1\n" in said
    assert "z != torch: (2,) torch.float32 != (2,) torch.float64\n" in said
    assert [file.name for file in tmp_path.iterdir()] == ["off.py"]  # saved only when asked to


@pytest.mark.parametrize("make", SCRIPTS.values(), ids=SCRIPTS)
def test_nothing_is_imported_from_the_app(make):
    for text in (to_python(make()), to_notebook(make())):
        assert not re.search(r"(import|from) (core|tests|streamlit|plotly)", text)


@given(tensors)
@settings(max_examples=150, deadline=None)
def test_inputs_are_exact_written_out_or_packed(tensor):
    source = to_python(Script("An input", {"x": tensor}, (), (), ("x",)))
    head = source[: source.index("# ---- Results")]
    space: dict = {}
    exec(head, space)
    assert_identical(space["x"], tensor)


def test_a_large_view_is_packed_as_what_it_shows():
    tensor = torch.randn(5000)[::2]
    space: dict = {}
    exec(to_python(Script("", {"x": tensor}, (), (), ())).partition("# ---- Save")[0], space)
    assert_identical(space["x"], tensor)


def test_large_inputs_are_packed_and_short_ones_written_out():
    assert "x = torch.tensor([1., 2.5], dtype=torch.float32).requires_grad_()" in to_python(
        Script("", {"x": torch.tensor([1.0, 2.5], requires_grad=True)}, (), (), ("x",))
    )
    assert "x = unpacked_tensor(torch.float32, (3, 128, 192), " in to_python(
        Script("", {"x": photograph()}, (), (), ("x",))
    )
    assert "x = torch.empty((0, 3), dtype=torch.int64)" in to_python(
        Script("", {"x": torch.empty(0, 3, dtype=torch.int64)}, (), (), ("x",))
    )


def names(pieces):
    return [line.split("(")[0].split(":")[0] for piece in pieces for line in piece.splitlines() if line[:1].isalpha()]


def test_what_is_used_comes_first_and_nothing_else():
    embedding = embed([sample_ops.work])
    found = names(embedding.pieces)
    assert found.index("def _rooted") < found.index("class Steps") < found.index("def work")
    assert found.index("SHARE = 4") < found.index("def quarter") < found.index("def halved") < found.index("def work")
    assert found.index("Sizes = tuple[int, ...]") < found.index("class Steps")
    assert found.index("def loud") < found.index("def work")
    assert "def draws" not in found
    assert len(found) == len(set(found))
    assert ("torch.nn.functional", "", "F") in embedding.imports
    assert "helpers." not in embedding.pieces[-1].replace("Uses `quarter`", "").replace('"Pair | None"', "")


def test_a_name_for_two_things_is_refused():
    with pytest.raises(ValueError, match="something else under the name 'even'"):
        embed([sample_ops.even, sample_helpers.even])


@pytest.mark.parametrize("function", [sample_ops.takes_the_name, sample_ops.binds_the_name, sample_ops.names_it_within])
def test_a_function_of_another_module_that_would_be_taken_for_a_local_is_refused(function):
    with pytest.raises(ValueError, match=f"helpers.quarter in {function.__name__} of .* cannot be carried along"):
        embed([function])


def test_a_method_may_be_called_like_the_function_that_it_uses():
    assert "        return quarter(input)" in embed([sample_ops.Quarter]).pieces[-1]


def not_at_the_top():
    def inner():
        return 0

    return inner


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"inputs": {"not a name": torch.ones(1)}}, "'not a name' is not a name in Python"),
        ({"inputs": {"lambda": torch.ones(1)}}, "'lambda' is not a name"),
        ({"inputs": {"torch": torch.ones(1)}}, "'torch' stands for a tensor and for something"),
        ({"inputs": {"SHIFT": torch.ones(1)}}, "'SHIFT' stands for a tensor and for something"),
        ({"results": ("work",)}, "'work' stands for a tensor and for something"),
        ({"calls": ("y = (",)}, r"this is not Python: y = \("),
        ({"reference": {"y": "1 +"}}, "this is not Python"),
        ({"functions": (not_at_the_top(),)}, "is not a function or class at the top of a module"),
    ],
)
def test_scripts_that_could_not_run_are_refused(change, sentence):
    good = {
        "title": "",
        "inputs": {"x": torch.ones(1)},
        "functions": (sample_ops.work,),
        "calls": (),
        "results": ("x",),
    }
    with pytest.raises(ValueError, match=sentence):
        to_python(Script(**(good | change)))


MODULES = [importlib.import_module(f"core.ops.{module.name}") for module in pkgutil.iter_modules(core.ops.__path__)]
OPERATORS = [operator for module in MODULES for operator in getattr(module, "OPERATORS", ())]


@pytest.mark.parametrize("operator", OPERATORS, ids=[operator.name for operator in OPERATORS])
def test_no_form_of_an_operator_uses_a_name_that_it_also_binds(operator):
    forms = (operator.textbook, operator.textbook_call, operator.manual, operator.backward)
    assert embed([form for form in forms if form is not None]).pieces


@pytest.mark.parametrize("operator", OPERATORS, ids=[operator.name for operator in OPERATORS])
def test_every_operator_can_be_taken_away(operator):
    call = operator.make_call(operator.sizes[0], torch.float32, torch.device("cpu"), 0)
    script = Script(operator.name, {}, (operator.manual,), (), ())
    space: dict = {"__name__": "away"}
    source = to_python(script)
    exec(source[: source.index("# ---- Save")], space)
    args, kwargs = fresh(list(call.args)), fresh(dict(call.kwargs))
    ours, _ = like_torch.run(space[operator.manual.__name__], args, kwargs)
    theirs, _ = like_torch.run(operator.manual, args, kwargs)
    for our, their in zip(ours, theirs, strict=True):
        assert_identical(our.detach(), their.detach())
