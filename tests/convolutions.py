"""Convolutions to test with."""

import torch
from hypothesis import assume
from hypothesis import strategies as st

from core.experiments.convolution import Run, convolve

small = st.integers(1, 3)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Convolutions of whole numbers, with all settings."""
    groups = draw(st.integers(1, 2))
    in_group, out_group = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    kh, kw = draw(small), draw(small)
    stride, dilation, padding = draw(small), draw(st.integers(1, 2)), draw(st.sampled_from([0, 1, 2, "valid", "same"]))
    height, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    pad = padding if isinstance(padding, int) else 0
    assume(padding != "same" or stride == 1)
    assume(padding == "same" or min(height - dilation * (kh - 1), width - dilation * (kw - 1)) + 2 * pad >= 1)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    x = torch.randint(-4, 5, (groups * in_group, height, width), generator=generator).float()
    weight = torch.randint(1, 9, (groups * out_group, in_group, kh, kw), generator=generator).float()
    bias = torch.arange(1.0, len(weight) + 1) if draw(st.booleans()) else None
    return convolve(x, weight, bias, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups})
