"""What the lessons on the packages share."""

from dataclasses import replace
from typing import Any

import streamlit as st

from core.ops.operator import Operator
from core.topics import Topic
from core.ui import frame

NARROW = 104  # pixels of a slider


def below(topic: Topic, package: str, operators: tuple[Operator, ...] = (), **parts: Any) -> None:
    """The frame's tabs under a package's pictures, with the operators of that package alone."""
    frame.below(replace(topic, name=f"{topic.name}-{package}", operators=operators), **parts)


def put(**values: object) -> None:
    """Move controls; to be called before the page is drawn."""
    for key, value in values.items():
        st.session_state[key] = value
