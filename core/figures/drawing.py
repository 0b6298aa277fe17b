"""Plotly figures made from a plain description that goes to the browser unchecked."""

import base64
from typing import Any

import numpy as np
import plotly.graph_objects as go


class Drawing(go.Figure):
    """A figure that stays the plain description it was made from until somebody asks plotly for more.

    Most figures go straight to the browser. For those, plotly's checks and copies, in which the description becomes
    objects and then a description again, cost more than all the rest of a page; the tests make the checks instead.
    """

    def __init__(self, traces: list[dict], layout: dict) -> None:
        self.__dict__["description"] = {"data": traces, "layout": layout}

    def __getattr__(self, name: str) -> Any:
        """Become a whole figure as soon as anything of one is missing."""
        if "description" not in self.__dict__:
            raise AttributeError(name)
        super().__init__(self.__dict__.pop("description"), _validate=False)
        return getattr(self, name)

    def to_dict(self) -> dict:
        """The description as it is, or that of the whole figure."""
        return self.__dict__.get("description") or super().to_dict()


def unchecked(traces: list[dict], layout: dict) -> go.Figure:
    """A figure that plotly takes as it is."""
    return Drawing(traces, layout)


def packed(numbers: np.ndarray) -> dict:
    """Numbers as plotly takes them in bytes: exact, and shorter than their digits."""
    kind = {"float32": "f4", "uint8": "u1", "int16": "i2"}[str(numbers.dtype)]
    data = {"dtype": kind, "bdata": base64.b64encode(numbers.tobytes()).decode()}
    return data | ({"shape": ", ".join(map(str, numbers.shape))} if numbers.ndim > 1 else {})
