"""What every figure must hold: plotly itself accepts it, and it travels as JSON."""

import json

import plotly.graph_objects as go


def valid(figure: go.Figure) -> dict:
    """The figure as the browser gets it, after plotly has checked every property of it."""
    checked = go.Figure(json.loads(figure.to_json()))
    assert checked.data
    return json.loads(figure.to_json())
