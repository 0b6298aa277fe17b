import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.tensors.limits import Limits, TensorInputError, TooLargeError
from core.tensors.text import digits, format_tensor, parse
from tests.tensors.examples import ANYTHING, assert_identical, assert_tensor_or_sentence, floats, shapes, tensors

MATRIX = [[1, 2], [3, 4]]

UNDERSTOOD = [
    ("[[1, 2], [3, 4]]", MATRIX),
    ("((1, 2), (3, 4))", MATRIX),
    ("[1, 2], [3, 4]", MATRIX),
    ("[1 2]\n[3 4]", MATRIX),
    ("[[1 2]\n [3 4]]", MATRIX),
    ("[[1, 2,], [3, 4,],]", MATRIX),
    ("array([[1, 2],\n       [3, 4]])", MATRIX),
    ("np.array([[1, 2], [3, 4]])", MATRIX),
    ("x = torch.tensor([[1, 2],\n        [3, 4]], device='cuda:0')", MATRIX),
    ("tensor([[1., 2.],\n        [3., 4.]], grad_fn=<AddBackward0>)", [[1.0, 2.0], [3.0, 4.0]]),
    ("Parameter containing:\ntensor([[1.], [2.]], requires_grad=True)", [[1.0], [2.0]]),
    ("tf.Tensor([[1. 2.]], shape=(1, 2), dtype=float32)", [[1.0, 2.0]]),
    ("[np.float64(1.5), np.float64(2.0)]", [1.5, 2.0]),
    ("[tensor(1.5), tensor(2.)]", [1.5, 2.0]),
    ("1,2\n3,4", MATRIX),
    ("1, 2\r\n3, 4\r\n", MATRIX),
    ("1,2,\n3,4,\n", MATRIX),
    ("1\t2\n3\t4", MATRIX),
    ("1 2\n3   4", MATRIX),
    ("1;2\n3;4", MATRIX),
    ("1 2; 3 4", MATRIX),
    ("1, 2; 3, 4", MATRIX),
    ("[1 2; 3 4]", MATRIX),
    ("[1 2;\n 3 4]", MATRIX),
    ("# a heading\n1 2\n\n3 4", MATRIX),
    ('"1","2"\n"3","4"', MATRIX),
    ("\ufeff1,2\n3,4", MATRIX),
    ("1 2 3", [1, 2, 3]),
    ("1\n2\n3", [1, 2, 3]),
    ("1;2;3", [1, 2, 3]),
    ("[1 -2 +3 −4]", [1, -2, 3, -4]),
    ("1_000, 2", [1000, 2]),
    (".5 -1. 1e3 2E-1", [0.5, -1.0, 1000.0, 0.2]),
    ("nan, inf, -inf, Infinity", [float("nan"), float("inf"), -float("inf"), float("inf")]),
    ("[True, False, true]", [True, False, True]),
    ("[True, 2]", [1, 2]),
    ("[1, 2.5]", [1.0, 2.5]),
    ("1.0e+04 *\n 1.5 2\n 3 4\n[torch.FloatTensor of size 2x2]", [[15000.0, 20000.0], [30000.0, 40000.0]]),
    ("1e2 * [1 2; 3 4]", [[100.0, 200.0], [300.0, 400.0]]),
    ("[[[1], [2]], [[3], [4]]]", [[[1], [2]], [[3], [4]]]),
    ("tensor(3.5)", 3.5),
    ("7", 7),
    ("[7]", [7]),
    ("[[7]]", [[7]]),
]


@pytest.mark.parametrize(("text", "expected"), UNDERSTOOD, ids=[text for text, _ in UNDERSTOOD])
def test_understood(text, expected):
    assert_identical(parse(text, limits=ANYTHING), torch.tensor(expected))


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("array([1, 2], dtype=uint8)", torch.uint8),
        ("array([1., 2.], dtype=np.float16)", torch.float16),
        ("np.array([1, 2], dtype='float64')", torch.float64),
        ("tensor([1., 2.], dtype=torch.bfloat16, requires_grad=True)", torch.bfloat16),
        ("tensor([1, 0], dtype=torch.bool)", torch.bool),
        ("tensor([1, 2], dtype=torch.long)", torch.int64),
        ("tensor(1.5, dtype=torch.float64)", torch.float64),
    ],
)
def test_the_dtype_of_a_print_out(text, dtype):
    assert parse(text, limits=ANYTHING).dtype == dtype


@pytest.mark.parametrize("ranks", [(1,), (2,), (0, 1), (1, 2)])
def test_numbers_without_brackets_take_the_rank_that_is_taken(ranks):
    assert parse("1 2 3", limits=Limits(ranks=ranks)).shape == ((1, 3) if ranks == (2,) else (3,))
    assert parse("1\n2\n3", limits=Limits(ranks=ranks)).shape == ((3, 1) if ranks == (2,) else (3,))
    assert parse("5", limits=Limits(ranks=ranks)).ndim == min(ranks)


@given(shapes, st.sampled_from([torch.float32, torch.float64, torch.int64, torch.bool]), st.booleans())
@settings(max_examples=100, deadline=None)
def test_print_outs_of_numpy_and_torch(shape, dtype, by_numpy):
    tensor = torch.arange(1, 1 + int(np.prod(shape))).reshape(shape).to(dtype) * (1 if dtype == torch.bool else 3)
    printed = repr(tensor.numpy()) if by_numpy else str(tensor)
    read = parse(printed, limits=ANYTHING)
    assert read.shape == tensor.shape
    assert torch.equal(read.double(), tensor.double())
    assert parse(str(tensor.numpy()), limits=ANYTHING).reshape(shape).tolist() == tensor.tolist()
    assert parse(str(tensor.tolist()), limits=ANYTHING).tolist() == tensor.tolist()


@given(tensors)
@settings(max_examples=200, deadline=None)
def test_formatted_text_gives_exactly_the_same_tensor(tensor):
    assert_identical(parse(format_tensor(tensor), limits=ANYTHING), tensor)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0), (2, 0, 3)])
def test_empty_tensors_too(shape):
    for dtype in (torch.float32, torch.int16):
        tensor = torch.empty(shape, dtype=dtype)
        assert_identical(parse(format_tensor(tensor), limits=ANYTHING), tensor)
        assert parse(str(tensor), limits=ANYTHING).shape == tensor.shape


def test_what_formatted_text_looks_like():
    assert format_tensor(torch.tensor([[1.0, -0.0], [0.1, 1e-7]])) == "[[1., -0.],\n [0.1, 1e-07]]"
    assert format_tensor(torch.tensor([1, 2])) == "[1, 2]"
    assert format_tensor(torch.tensor(2.5)) == "2.5"
    assert format_tensor(torch.tensor([0.1]).bfloat16()) == "tensor([0.1], dtype=torch.bfloat16)"


@given(floats)
@settings(max_examples=100, deadline=None)
def test_digits_are_as_few_as_numpy_needs(tensor):
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()  # numpy has no bfloat16 to compare with
    for ours, value in zip(digits(tensor), tensor.numpy(), strict=True):
        if np.isfinite(value):
            theirs = np.format_float_scientific(value, unique=True, trim="-")
            assert len(significant(ours)) <= len(significant(theirs)) + 1  # +1: ties in decimal


def significant(word: str) -> str:
    mantissa = re.split("[eE]", word)[0].lstrip("-").replace(".", "")
    return mantissa.strip("0") or "0"


REFUSED = [
    ("", "There are no numbers yet: type some, for example [[1, 2], [3, 4]]."),
    ("  \n ", "There are no numbers yet: type some, for example [[1, 2], [3, 4]]."),
    ("# nothing", "There are no numbers yet: type some, for example [[1, 2], [3, 4]]."),
    ("1 2 3 4\n1 2 3", "Row 2 has 3 numbers, row 1 has 4: give every row the same count."),
    ("[[1, 2, 3, 4], [1, 2, 3]]", "Row 2 has 3 numbers, row 1 has 4: give every row the same count."),
    ("[[1, 2], [3]]", "Row 2 has 1 number, row 1 has 2: give every row the same count."),
    (
        "[[[1, 2], [3, 4]], [[1, 2], [3]]]",
        "Row 2 of block 2 has 1 number, row 1 has 2: give every row the same count.",
    ),
    ("[[1, 2], 3]", "Part 2 is a single number, part 1 is a list (2): give every part the same shape."),
    ("[1, [2]]", "Part 2 is a list (1), part 1 is a single number: give every part the same shape."),
    ("1 2\n3 four", "Row 2, column 2: `four` is not a number; replace it by one, or remove it."),
    ("[[1, 2], [3, None]]", "Row 2, column 2: `None` is not a number; replace it by one, or remove it."),
    ("[1, two]", "Number 2: `two` is not a number; replace it by one, or remove it."),
    ("0x10", "Row 1, column 1: `0x10` is not a number; replace it by one, or remove it."),
    ("1.2.3", "Row 1, column 1: `1.2.3` is not a number; replace it by one, or remove it."),
    ("١٢", "Row 1, column 1: `١٢` is not a number; replace it by one, or remove it."),
    ("<b>*hi*</b>", "Row 1, column 1: `·b··hi··/b·` is not a number; replace it by one, or remove it."),
    ("9" * 101, f"Row 1, column 1: `{'9' * 20}…` is not a number; replace it by one, or remove it."),
    (
        "[1+2j]",
        "Number 1: `1+2j` is a complex number; give real ones, for example its real and imaginary part.",
    ),
    ("1,,2", "Row 1, column 2: a number is missing; write it, or remove the separator."),
    ("[1,,2]", "Number 2: a number is missing before the comma."),
    ("[[1, 2], [,3]]", "Row 2, column 1: a number is missing before the comma."),
    ("[[1, 2], [3, 4", "A bracket [ is never closed: add ]] at the end."),
    ("[(1, 2", "A bracket ( is never closed: add )] at the end."),
    ("1, 2]", "There is a ] too many: nothing is open before it."),
    ("[1, 2)", "A [ is closed by ): use the same kind of bracket."),
    ("{1, 2}", "The sign { does not belong into nested brackets: use [ ] and commas."),
    ("[" * 9 + "1" + "]" * 9, "The brackets are nested more than 8 deep: take some of them away."),
    ("[" * 200_000, "The brackets are nested more than 8 deep: take some of them away."),
    ("tensor([1, 2]", "The round bracket after `tensor` is never closed: add ) at the end."),
    ("tensor([1, 2]) + 1", "What follows the numbers cannot be read: `· + 1`; remove it."),
    ("tensor([1])\ntensor([2])", "There is more than one tensor: paste one at a time."),
    (
        "tensor([1], dtype=torch.float13)",
        "The dtype `float13` is not known here: use one of "
        "float32, float64, float16, bfloat16, int64, int32, int16, int8, uint8, bool.",
    ),
    (
        "[1, ..., 3]",
        "The print-out is abridged (it has “...”): print all of it, "
        "with torch.set_printoptions(threshold=100000) or numpy.set_printoptions(threshold=100000).",
    ),
    (
        "1" * 200_001,
        "The text has 200,001 characters and at most 200,000 are read: paste a part of it, or upload it as .npy.",
    ),
    (
        "[1, 9223372036854775808]",
        "Number 2: `9223372036854775808` does not fit int64, whole numbers from "
        "-9223372036854775808 to 9223372036854775807; change it, or use floats.",
    ),
    (
        "array([[1, 256]], dtype=uint8)",
        "Row 1, column 2: `256` does not fit uint8, whole numbers from 0 to 255; change it, or use floats.",
    ),
    (
        "tensor([1.5], dtype=torch.int64)",
        "Number 1: 1.5 is not whole, and the dtype says int64; change either.",
    ),
    ("1e400", "Row 1, column 1: `1e400` is too large for a float: 1.8e308 is the largest."),
    (
        "[1, 1e39]",
        "Number 2: 1e+39 is too large for float32, which ends at 3.4028e+38; write inf if infinity is meant.",
    ),
    ("[[1, nan]]", "Row 1, column 2 is nan, and only finite numbers are taken here: replace it by a number."),
    ("[-inf]", "Number 1 is -inf, and only finite numbers are taken here: replace it by a number."),
    ("[]", "This tensor is empty (0): give it at least one number."),
    (
        "[[[1]]]",
        "This is a tensor of rank 3 (1×1×1), and a vector or a matrix is needed here: take a part of it.",
    ),
    (
        "[" + "1," * 65 + "]",
        "This is a vector of 65, and at most 64 along a side and 4,096 numbers in all are taken here: "
        "scale it down or crop it.",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), REFUSED, ids=[text[:30] for text, _ in REFUSED])
def test_refused_with_a_sentence(text, sentence):
    with pytest.raises(TensorInputError) as error:
        parse(text, limits=Limits())
    assert str(error.value) == sentence


def test_what_is_too_large_comes_along():
    with pytest.raises(TooLargeError) as error:
        parse("1 2\n" * 65, limits=Limits())
    assert error.value.tensor.shape == (65, 2)


def test_a_matrix_is_needed():
    with pytest.raises(TensorInputError, match="a vector of 2, and a matrix is needed here: put more brackets"):
        parse("[1, 2]", limits=Limits(ranks=(2,)))


HOSTILE = [
    "tensor(" + " " * 190_000 + "x",
    "tensor([1]" + " " * 190_000 + "x)",
    "tensor([1], " + "a=1," * 40_000 + "x y)",
    "tensor(" * 28_000,
    "np.float64(" * 18_000,
    "a." * 90_000 + "tensor(",
    "a " * 90_000 + "=",
    "a" * 199_000 + "=x",
    "[torch." * 25_000,
    "1 " * 99_000 + "x",
    "1;" * 99_000 + "x y",
    "[[" + "1]," * 60_000,
    "*" * 199_000,
    "1" * 199_000 + "*",
    "[1" + " " * 199_000,
    "1" + "\t" * 199_000 + "1",
    "size=(" * 30_000,
    "tensor([], size=(" + "9," * 29 + "9))",
]


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:20].strip() for text in HOSTILE])
def test_long_hostile_text_is_refused_without_hanging(text):
    with pytest.raises(TensorInputError):
        parse(text, limits=Limits())


@given(st.text(alphabet="0123456789.,;-+e[]() \n\ttensorarygpdfl=<>'\"*_#{}TFnaiNj", max_size=60))
@settings(max_examples=1000, deadline=None)
def test_any_text_gives_a_tensor_or_a_sentence(text):
    assert_tensor_or_sentence(parse, text, limits=ANYTHING)


@given(tensors, st.data())
@settings(max_examples=200, deadline=None)
def test_damaged_print_outs_give_a_tensor_or_a_sentence(tensor, data):
    text = format_tensor(tensor)
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    assert_tensor_or_sentence(parse, text[:start] + text[end:], limits=ANYTHING)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1,2\n3,4", [[1, 2], [3, 4]]),
        ('"width";"height"\n1,5;2\n3;4,25', [[1.5, 2], [3, 4.25]]),
        ("1,5\t2,5\n3,5\t4,5", [[1.5, 2.5], [3.5, 4.5]]),
        ("nan,inf\n1,2", [[math.nan, math.inf], [1, 2]]),  # numbers, not names
    ],
)
def test_a_table_of_a_spreadsheet(text, rows):
    read = parse(text, limits=Limits(ranks=(2,), allow_nonfinite=True))
    assert read.double().nan_to_num(7).tolist() == torch.tensor(rows, dtype=torch.float64).nan_to_num(7).tolist()


@pytest.mark.parametrize("text", ["a,b\nc,d\n1,2", "a,1\n2,3", "1,5;2.5\n3,5;4.5", "x\ny"])
def test_what_is_neither_a_header_nor_a_number_is_refused(text):
    with pytest.raises(TensorInputError, match="is not a number"):
        parse(text)
