import base64
import re
import zlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data import digit
from core.tensors import link
from core.tensors.limits import DTYPES, Limits, TensorInputError
from core.tensors.link import MAX_LINK, TooLargeForLinkError, from_link, to_link
from tests.tensors.examples import ANYTHING, assert_identical, assert_tensor_or_sentence, bits, tensors


@given(tensors)
@settings(max_examples=200, deadline=None)
def test_there_and_back_is_exact(tensor):
    text = to_link(tensor)
    assert_identical(from_link(text, ANYTHING), tensor)
    assert re.fullmatch(r"[\w.-]+", text, re.ASCII)
    assert len(text) <= MAX_LINK


@given(bits)
@settings(max_examples=100, deadline=None)
def test_both_forms_are_exact(tensor):
    for form, data in (("z", link._packed(tensor)), ("n", link._spelled(tensor))):
        text = link._with_checksum(form, tensor, data)
        assert len(to_link(tensor)) <= len(text)
        if len(text) <= MAX_LINK:
            assert_identical(from_link(text, ANYTHING), tensor)


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (1, 1, 1, 1)])
def test_odd_shapes_of_every_dtype(dtype, shape):
    assert_identical(from_link(to_link(torch.ones(shape, dtype=dtype)), ANYTHING), torch.ones(shape, dtype=dtype))


def test_a_view_travels_as_what_it_shows():
    for tensor in (torch.randn(3, 4).t()[::2].requires_grad_(), torch.randn(9)[::2], torch.randn(1).expand(5)):
        assert_identical(from_link(to_link(tensor), ANYTHING), tensor.detach())


def test_small_tensors_stay_readable_and_real_ones_fit():
    assert to_link(torch.tensor([[1.0, 2.5], [-0.5, 1e-7]])).endswith("_f32_2x2_1_2.5_-.5_1e-7")
    assert len(to_link(digit(0))) < MAX_LINK
    assert len(to_link(torch.randn(16, 16))) < MAX_LINK
    assert len(to_link(torch.zeros(64, 64))) < 100


def test_too_large_to_travel():
    with pytest.raises(TooLargeForLinkError, match=r"\(64×64\) is too large to travel in a link: it takes .*\.npy"):
        to_link(torch.randn(64, 64, generator=torch.Generator().manual_seed(0)))


@given(tensors, st.data())
@settings(max_examples=200, deadline=None)
def test_an_altered_or_cut_link_is_noticed(tensor, data):
    text = to_link(tensor)
    position = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("0aZ_-.x").filter(lambda c: c != text[position]))
    for altered in (text[:position], text[:position] + letter + text[position + 1 :], text + letter):
        with pytest.raises(TensorInputError):
            from_link(altered, ANYTHING)


def signed(form: str, body: str) -> str:
    """A link with a good checksum, as anyone can make it."""
    return f"{form}{link._checksum(body)}_{body}"


def deflated(raw: bytes) -> str:
    squeeze = zlib.compressobj(9, wbits=-15)
    return base64.urlsafe_b64encode(squeeze.compress(raw) + squeeze.flush()).decode().rstrip("=")


HOSTILE = {
    "bomb": signed("z", "f32_2x2_" + deflated(bytes(1_000_000))),
    "too few bytes": signed("z", "f32_2x2_" + deflated(bytes(15))),
    "not deflated": signed("z", "f32_2x2_AAAA____"),
    "no base64": signed("z", "f32_2x2_A"),
    "huge": signed("z", "f32_9999999x9999999x9999999_" + deflated(b"")),
    "huge, in numbers": signed("n", "f32_9999999_1"),
    "too many numbers": signed("n", "f32_2_1_2_3"),
    "no numbers": signed("n", "f32_2_"),
    "words": signed("n", "f32_2_1_banana"),
    "float in integers": signed("n", "i64_1_1.5"),
    "beyond int64": signed("n", "i64_1_" + "9" * 30),
    "digits without end": signed("n", "i64_1_" + "9" * 1400),
    "beyond uint8": signed("n", "u8_1_256"),
    "beyond bool": signed("n", "b_1_2"),
    "bool of 2": signed("z", "b_1_" + deflated(b"\2")),
    "unknown dtype": signed("n", "c64_1_1"),
    "nine dimensions": signed("n", "f32_1x1x1x1x1x1x1x1x1_1"),
    "too long": signed("n", "f32_1500_" + "_".join("1" * 1500)),
    "nothing": "",
    "too long for any": "z" * 10_000_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_links_are_refused(text):
    with pytest.raises(TensorInputError):
        from_link(text, ANYTHING)


def test_limits_hold_for_links():
    with pytest.raises(TensorInputError, match="only finite numbers"):
        from_link(to_link(torch.tensor([1.0, float("inf")])), Limits())
    with pytest.raises(TensorInputError, match="rank 3"):
        from_link(to_link(torch.ones(1, 1, 1)), Limits())
    with pytest.raises(TensorInputError, match="65"):
        from_link(to_link(torch.ones(65)), Limits())


@given(
    st.text(max_size=60)
    | st.builds(signed, st.sampled_from("nz"), st.from_regex(r"\A(f32|b16|i8|b)_([0-3]x){0,2}[0-3]_[\w.-]{0,30}\Z"))
)
@settings(max_examples=500, deadline=None)
def test_any_text_gives_a_tensor_or_a_sentence(text):
    assert_tensor_or_sentence(from_link, text, ANYTHING)
