"""What a page keeps belongs to that page: it stands as it was left, and no other page sees anything of it."""

import io

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.topics import PAGES
from tests.pages.opening import ROOT, control, kept, settings, sound, words

NAMES = [topic.name for topic in PAGES]


def start():
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)


def go(app, name, **link):
    """To this page by the side bar, or by a link."""
    app.switch_page(f"pages/{name}.py")
    if link:
        app.query_params.clear()
        app.query_params.update(link)
    return sound(app.run())


def tour(names):
    """Every ordered pair of names once, in one walk."""
    ahead = {name: [other for other in names if other != name] for name in names}
    stack, walk = [names[0]], []
    while stack:
        if ahead[stack[-1]]:
            stack.append(ahead[stack[-1]].pop())
        else:
            walk.append(stack.pop())
    return walk[::-1]


def stands(app):
    """All of the page that a reader could miss: its settings, its address, its complaints, what it laid aside."""
    complaints = [m.value for m in app.markdown if m.value.startswith(":orange[")]
    own = {key: value for key, value in kept(app).own.items() if key.startswith(("good", "held"))}
    shown = {key: setting.text for key, setting in settings(app).items()}
    return shown, dict(app.query_params), complaints, {key: value.tolist() for key, value in own.items()}


def unsettle(app, number):
    """Set whatever the page has: a seed, a slider, typed numbers that are good or bad, an upload, a picked cell."""
    for key, setting in settings(app).items():
        if key not in settings(app) or control(app, key).disabled:
            continue  # another control has taken it away
        widget = control(app, key)
        if key in ("cell", "out", "image", "unit") and widget.type == "text_input":
            widget.set_value("1,1" if number % 2 else "99,99").run()
        elif key == "seed":
            widget.set_value(100 + number).run()
        elif widget.type == "slider" and isinstance(setting.value, int) and widget.max < 50:
            widget.set_value(min(widget.max, setting.value + 1)).run()
        elif widget.type in ("button_group", "segmented_control") and not key.endswith("_from"):
            widget.set_value(widget.options[-1]).run()
    inputs = [key for key in settings(app) if key.endswith("_from") and key != "w_from"]
    for key in inputs[:1]:
        give(app, key, number)


def give(app, key, number):
    """Type numbers, good or bad, or upload some, as the number of the page has it."""
    if number % 3 == 2:
        sound(control(app, key).set_value("file").run())
        data = io.BytesIO()
        np.save(data, np.full((20, 20), number / 7))
        app.file_uploader[0].set_value(("x.npy", data.getvalue(), "application/octet-stream")).run()
    else:
        sound(control(app, key).set_value("typed").run())
        control(app, key.removesuffix("_from")).set_value(f"{number} 2; 3 {'four' if number % 3 else 4}").run()


def test_every_page_stands_as_it_was_left_after_every_other():
    app, left = start(), {}
    for number, name in enumerate(tour(NAMES)):
        go(app, name)
        if name not in left:
            unsettle(app, number)
            go(app, name)
            left[name] = stands(app)
        assert stands(app) == left[name], name
    assert len({repr(shown) for shown in left.values()}) == len(NAMES)


def test_no_page_takes_another_pages_values():
    fresh = {name: stands(go(start(), name)) for name in ("softmax", "pooling", "batch_norm")}
    app = go(
        start(), "convolution", stride="3", padding="same", bias="true", seed="7", x_from="typed", x="[[1,2],[3,4]]"
    )
    assert settings(app)["stride"].value == 3
    for name, plain in fresh.items():
        assert stands(go(app, name)) == plain
    go(app, "convolution")
    assert {key: s.value for key, s in settings(app).items()} | {"stride": 3, "padding": "same", "seed": 7} == {
        key: s.value for key, s in settings(app).items()
    }


def test_a_complaint_about_a_link_stands_on_no_other_page():
    app = go(start(), "softmax", seed="abc", rows="2", magnitude="banana")
    assert "banana" in words(app)
    for name in ("gather", "dropout", "convolution"):
        go(app, name)
        assert "asked for" not in words(app)
    assert "banana" in words(go(app, "softmax"))


def test_a_link_wins_over_what_was_kept_as_a_whole():
    app = go(start(), "dropout", p="0.2", size="9", seed="3")
    go(app, "softmax")
    go(app, "dropout", p="0.7")
    assert {key: s.value for key, s in settings(app).items() if s.value != s.default} == {"p": 0.7}
    assert dict(app.query_params) == {"p": "0.7"}


def test_what_a_teacher_asked_for_comes_back_with_the_page():
    app = go(start(), "dropout", p="0.2", lock="p", hide="code")
    go(app, "softmax")
    assert not any(slider.disabled for slider in app.slider)
    go(app, "dropout")
    assert control(app, "p").disabled
    assert control(app, "p").value == 0.2
    assert "Code" not in [tab.label for tab in app.tabs]


def one_of_each():
    """A page with a control of each kind; what a test hands to one is in session state before it is drawn."""
    import streamlit as st

    from core.ui import controls, state

    state.enter("one of each")
    controls.forget()
    st.session_state.update(st.session_state.pop("_handed", {}))
    controls.slider("share", "Share", 0.0, 1.0, 0.5, step=0.05)
    controls.slider("size", "Size", 2, 16, 6)
    controls.number("count", "Count", 0, 1999, 0)
    controls.choice("mode", "Mode", {"train": "Training", "eval": "Evaluation"})
    controls.stops("padding", "Padding", ("valid", "0", "1"), "1")
    controls.toggle("bias", "Bias")
    with controls.more():
        controls.text("cell", "Cell", longest=40)
    state.say_address()


@pytest.mark.parametrize(
    ("key", "handed", "taken"),
    [
        ("share", "0.25", 0.25), ("share", 7, 1.0), ("share", 0.3333, 0.35), ("share", "half", 0.5),
        ("size", 4.0, 4), ("size", "four", 6), ("size", True, 6), ("size", float("nan"), 6), ("size", 99, 16),
        ("count", "17", 17), ("count", "x", 0), ("count", "99999999", 1999), ("count", None, 0), ("count", 1e309, 1999),
        ("mode", "eval", "eval"), ("mode", 3, "train"), ("padding", 1, "1"),
        ("padding", "0", "0"), ("bias", 1, False), ("bias", True, True), ("cell", 5, ""), ("cell", "9" * 99, ""),
    ],
)  # fmt: skip
def test_what_code_hands_to_a_control_is_made_to_fit_it(key, handed, taken):
    app = sound(AppTest.from_function(one_of_each).run())
    app.session_state["_handed"] = {key: handed}
    sound(app.run())
    stood = settings(app)[key]
    assert (type(stood.value), stood.value) == (type(taken), taken)
    refused = taken == stood.default and handed != taken
    assert (kept(app).refused.get(key, "") != "") == refused
    assert (str(handed)[:10] in words(app)) or not refused


@pytest.mark.parametrize(
    ("key", "asked", "taken", "said"),
    [
        ("mode", "eval", "eval", "eval"), ("mode", "Evaluation", "eval", "eval"), ("mode", "evil", "train", None),
        ("size", "3.0", 3, "3"), ("size", "17", 6, None), ("share", "0.24", 0.25, "0.25"), ("count", "inf", 0, None),
        ("padding", "valid", "valid", "valid"), ("bias", "TRUE", True, "true"), ("bias", "1", False, None),
    ],
)  # fmt: skip
def test_a_link_is_read_by_ids_and_by_old_labels(key, asked, taken, said):
    app = AppTest.from_function(one_of_each)
    app.query_params[key] = asked
    sound(app.run())
    assert settings(app)[key].value == taken
    assert dict(app.query_params) == ({key: said} if said else {})
    assert ("The link asked for" in words(app)) == (said is None)


def test_more_settings_stay_open_or_closed_and_their_controls_are_drawn_either_way():
    app = AppTest.from_function(one_of_each)
    app.query_params.update(cell="1,2", more="true")
    sound(app.run())
    assert app.expander[0].proto.expanded
    assert dict(app.query_params) == {"cell": "1,2", "more": "true"}
    app.session_state["more"] = False
    sound(app.run())
    assert not app.expander[0].proto.expanded
    assert settings(app)["cell"].value == "1,2"
    assert dict(app.query_params) == {"cell": "1,2"}


def test_reset_mends_everything_but_the_seed():
    plain = stands(go(start(), "convolution"))
    app = go(
        start(),
        "convolution",
        stride="3",
        seed="4",
        x_from="typed",
        x="[[1, 2",
        tab="Predict",
        more="true",
        dilation="x",
    )
    sound(next(button for button in app.button if button.label == "Reset").click().run())
    shown, address, complaints, _ = stands(app)
    assert address == {"seed": "4"}
    assert complaints == []
    assert shown == plain[0] | {"seed": "4"}


def test_a_preset_can_be_chosen_again_after_a_reset():
    app = go(start(), "layout")
    for _ in range(2):
        box = app.selectbox(key="preset")
        sound(box.set_value(box.options[2]).run())
        assert app.query_params["chain"] == settings(app)["chain"].value
        sound(next(button for button in app.button if button.label == "Reset").click().run())
        assert app.selectbox(key="preset").value is None
        assert dict(app.query_params) == {}
