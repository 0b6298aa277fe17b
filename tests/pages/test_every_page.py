"""What holds for every page: it opens, its controls take what they offer, and a wrong link gives the example."""

import functools
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from streamlit import net_util

import core.ops
from core.tensors.script import to_notebook, to_python
from core.topics import PAGES, TOPICS
from core.ui import start, take_away
from tests.pages.opening import control, open_page, panels, settings, sound, words

every_topic = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
every_page = pytest.mark.parametrize("topic", PAGES, ids=lambda topic: topic.name)
HOSTILE = ("-3", "banana", "1e309", "nan", "", "9" * 400, "<script>alert(1)</script>", "0x10", "１２", "; DROP TABLE")


@functools.cache
def plain_settings(name):
    """The settings of a page as it opens."""
    return settings(open_page(name))


@every_page
def test_opens_with_title_question_and_pictures(topic):
    app = open_page(topic.name)
    assert app.title[0].value == topic.title
    assert topic.question in words(app)
    assert len(panels(app)) >= 1


@every_page
def test_every_tab_opens(topic):
    for tab in open_page(topic.name).tabs:
        open_page(topic.name, tab=tab.label)


@every_page
@pytest.mark.parametrize("value", HOSTILE)
def test_a_wrong_value_in_the_link_gives_the_default_and_a_sentence(topic, value):
    plain = plain_settings(topic.name)
    app = open_page(topic.name, **dict.fromkeys(plain, value))
    for key, setting in settings(app).items():
        if key in plain and isinstance(plain[key].value, (bool, int, float)):
            taken = setting.value != plain[key].default
            assert taken or value.lower() in setting.text.lower() or "The link asked for" in words(app), key


def ends(widget, value):
    """Where to move a control that stands at this value; the pages' own tests take the rest of the options."""
    if widget.type == "slider":
        return tuple(type(value)(end) for end in (widget.min, widget.max))
    if widget.type in ("selectbox", "button_group", "segmented_control"):
        return tuple({widget.options[0], widget.options[-1]})
    return (not value,) if widget.type == "toggle" else ()


@every_page
def test_every_control_moves(topic):
    opened = open_page(topic.name)
    for key, setting in plain_settings(topic.name).items():
        widget = control(opened, key)
        values = () if widget.disabled else ends(widget, setting.value)
        app = open_page(topic.name) if values else opened
        for value in values:
            sound(control(app, key).set_value(value).run())


@every_topic
@pytest.mark.parametrize("tab", ["Pitfalls", "Predict", "Walk through"])
@pytest.mark.parametrize("end", ["min", "max"])
def test_every_sentence_can_be_said_at_the_ends_of_all_controls(topic, end, tab):
    ends = {}
    app = open_page(topic.name)
    for key in plain_settings(topic.name):
        widget = control(app, key)
        if widget.type == "slider":
            ends[key] = f"{getattr(widget, end):g}"
        elif widget.type == "toggle":
            ends[key] = str(end == "max").lower()
    said = words(open_page(topic.name, tab=tab, **ends, **{f"claim{i}": "true" for i in range(1, 13)}))
    prose = re.sub(
        r"(?s)<style>.*?</style>|`[^`]*`|“[^”]*”|\$[^$]*\$", "", said
    )  # without code, quotations and formulas
    raw = re.search(r".{40}(\{\w+[}:]|tensor\(|\b1 (cells|batches|layers|rows|numbers)\b|torch\.Size|0x7f).{20}", prose)
    assert not raw, raw[0]


@every_topic
def test_asks_at_least_three_questions(topic):
    app = open_page(topic.name, tab="Predict")
    assert len([button for button in app.button if button.label == "Commit"]) >= 3
    again = sound(next(button for button in app.button if button.label == "New questions").click().run())
    assert control(again, "draw").value == 1


RUN_BOTH = """
import json, runpy, sys, torch
sys.argv = ["script.py", "script.pt"]
script = runpy.run_path("script.py")
cells = [cell for cell in json.load(open("script.ipynb"))["cells"] if cell["cell_type"] == "code"]
notebook = {"__name__": "__main__"}
for cell in cells:
    exec(compile("".join(cell["source"]), "cell", "exec"), notebook)
torch.save({name: notebook[name] for name in torch.load("script.pt")}, "notebook.pt")
"""


@every_topic
def test_script_and_notebook_reproduce_what_is_on_screen(topic, monkeypatch, tmp_path):
    taken = []
    monkeypatch.setattr(take_away, "show", lambda _, take: taken.append(take))
    open_page(topic.name, tab="Take away")
    (take,) = taken
    (tmp_path / "script.py").write_text(to_python(take.script))
    (tmp_path / "script.ipynb").write_text(to_notebook(take.script))
    subprocess.run([sys.executable, "-c", RUN_BOTH], cwd=tmp_path, check=True, timeout=120, capture_output=True)
    script, notebook = torch.load(tmp_path / "script.pt"), torch.load(tmp_path / "notebook.pt")
    assert script
    for name, value in script.items():
        assert torch.equal(value.nan_to_num(7), notebook[name].nan_to_num(7)), name
        if name in take.tensors:
            assert torch.equal(value.nan_to_num(7), take.tensors[name].detach().nan_to_num(7)), name


def test_a_page_is_short_enough_to_be_read():
    pages = Path(__file__).parents[2] / "pages"
    lines = {str(path.relative_to(pages)): len(path.read_text().splitlines()) for path in pages.rglob("*.py")}
    assert not {name: count for name, count in lines.items() if count > 250}


def test_every_operator_belongs_to_a_topic():
    names = [module.name for module in pkgutil.iter_modules(core.ops.__path__)]
    modules = [importlib.import_module(f"core.ops.{name}") for name in names]
    written = {operator.mirrors for module in modules for operator in getattr(module, "OPERATORS", ())}
    registered = [operator.mirrors for topic in TOPICS for operator in topic.operators]
    assert sorted(registered) == sorted(written)


def test_no_host_is_asked_for_this_machines_address(monkeypatch):
    start.ask_nobody()
    monkeypatch.setattr(net_util, "_make_blocking_http_get", lambda *_, **__: pytest.fail("a host was asked"))
    assert net_util.get_external_ip() == net_util.get_internal_ip()


@pytest.mark.parametrize(
    ("page", "chosen", "name"),
    [
        ("activations", {"f": "gelu"}, "gelu"),
        ("activations", {"f": "sigmoid"}, "sigmoid"),
        ("batch_norm", {"kind": "group"}, "group_norm"),
        ("products", {"op": "bmm", "shapes": "bmm"}, "bmm"),
        ("gather", {"way": "scatter"}, "scatter"),
        ("weight_decay", {"optimiser": "Adam"}, "AdamW"),
    ],
)
def test_code_and_timing_open_at_the_operator_that_the_controls_have_chosen(page, chosen, name):
    app = open_page(page, **chosen, tab="Code")
    (mirrored,) = (str(text.value) for text in app.markdown if str(text.value).startswith("**torch**"))
    assert f".{name}(" in mirrored
    assert any(name in str(text.value) for text in open_page(page, **chosen, tab="Timing").caption)
