"""Poolings to test with."""

from hypothesis import assume
from hypothesis import strategies as st

from core.experiments import pooling as runs


def settings_of(kernel=3, stride=2, padding=1, dilation=1, ceil=False, counted=True) -> dict:
    return {
        "kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil,
        "count_include_pad": counted,
    }  # fmt: skip


def pooled(x, given) -> runs.Run:
    try:
        return runs.pool(x, given)
    except RuntimeError:
        assume(False)
        raise


some_settings = st.builds(
    settings_of, st.integers(2, 4), st.sampled_from([None, 1, 2, 3]), st.integers(0, 1), st.integers(1, 2),
    st.booleans(), st.booleans(),
)  # fmt: skip
