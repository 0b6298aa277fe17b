"""What holds for every page: it opens, its controls take what they offer, and a wrong link gives the example."""

import pytest

from core.topics import TOPICS
from tests.pages.opening import control, open_page, sound, words

every_topic = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
HOSTILE = ("-3", "banana", "1e309", "nan", "", "9" * 400, "<script>alert(1)</script>", "0x10", "１２", "; DROP TABLE")
TABS = ("Pitfalls", "Walk through", "Predict", "Code", "Timing", "Take away")


def settings(app):
    return dict(app.session_state["_settings"])


@every_topic
def test_opens_with_title_question_and_pictures(topic):
    app = open_page(topic.name)
    assert app.title[0].value == topic.title
    assert topic.question in words(app)
    assert len(app.get("plotly_chart")) >= 1
    assert all(chart.proto.alt for chart in app.get("plotly_chart"))


@every_topic
@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens(topic, tab):
    open_page(topic.name, tab=tab)


@every_topic
@pytest.mark.parametrize("value", HOSTILE)
def test_a_wrong_value_in_the_link_gives_the_default_and_a_sentence(topic, value):
    plain = settings(open_page(topic.name))
    app = open_page(topic.name, **dict.fromkeys(plain, value))
    for key, setting in settings(app).items():
        if key in plain and isinstance(plain[key].value, (bool, int, float)):
            taken = setting.value != plain[key].default
            assert taken or value.lower() in setting.text.lower() or "The link asked for" in words(app), key


@every_topic
def test_every_control_moves(topic):
    for key, setting in settings(open_page(topic.name)).items():
        app = open_page(topic.name)
        widget = control(app, key)
        if widget.disabled:
            continue
        if widget.type == "slider":
            for value in (widget.min, widget.max):
                sound(control(app, key).set_value(type(setting.value)(value)).run())
        elif widget.type in ("selectbox", "button_group", "segmented_control"):
            for option in widget.options:
                sound(control(app, key).set_value(option).run())
        elif widget.type == "toggle":
            sound(widget.set_value(not setting.value).run())
