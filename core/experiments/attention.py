"""What the attention page finds out: who looks at whom, several heads, the same in blocks and token by token."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.experiments.refusals import words_of
from core.ops import attention as ops
from core.ops.operator import Call
from core.ops.seeded import seeded
from core.tensors.limits import Limits
from core.words import N_, _

LIMITS = Limits(ranks=(2,), max_side=8, max_elements=64, allow_nonfinite=True)
SENTENCE = N_("the cat drank its milk")  # of five words in every language
MOST_TOKENS = 8
FEATURES, HEAD_SIZES = 8, (1, 2, 4)  # of the part with several heads: numbers of a token, and into how many heads
# Features of the example: article, animal, action, thing. What a token is for others, what it looks for, what it gives.
EXAMPLE_KEYS = [[2.0, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [1, 0, 0, 0], [0, 0, 0, 2]]
EXAMPLE_QUERIES = [[0.0, 1, 0, 1], [0, 0, 3, 0], [0, 2, 0, 2], [0, 4, 0, 0], [0, 0, 3, 0]]
EXAMPLE_VALUES = [[0.0, 0.1], [1, 0], [0, 0.5], [0.2, 0.2], [0, 1]]

Index = tuple[int, ...]


# ---- the run on screen -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Example:
    """Tokens, and a query, a key and a value for each."""

    tokens: tuple[str, ...]
    query: Tensor
    key: Tensor
    value: Tensor


def example(text: str, seed: int) -> Example:
    """The page's own sentence with numbers made for it; any other words with numbers drawn at random."""
    own = tuple(_(SENTENCE).split())
    tokens = tuple(text.split()[:MOST_TOKENS]) or own
    if tokens == own:
        return Example(tokens, *(torch.tensor(rows) for rows in (EXAMPLE_QUERIES, EXAMPLE_KEYS, EXAMPLE_VALUES)))
    generator = torch.Generator().manual_seed(seed)
    drawn = (torch.randn(len(tokens), width, generator=generator).round(decimals=1) for width in (4, 4, 2))
    return Example(tokens, *(2 * numbers for numbers in drawn))


@dataclass(frozen=True)
class Run:
    """One attention, step by step, for its pictures."""

    queries: tuple[str, ...]  # the names of the rows of query
    keys: tuple[str, ...]
    call: Call  # of scaled_dot_product_attention
    mask: Tensor | None  # what is added to the scores: (L, S)
    scale: float
    steps: ops.AttentionSteps
    output: Tensor

    @property
    def query(self) -> Tensor:
        """(L, E)."""
        return self.call.args[0]

    @property
    def key(self) -> Tensor:
        """(S, E)."""
        return self.call.args[1]

    @property
    def value(self) -> Tensor:
        """(S, Ev)."""
        return self.call.args[2]


def names_of(tokens: Sequence[str], rows: int) -> tuple[str, ...]:
    """The tokens, or numbers where the reader's own tensors have another number of rows."""
    return tuple(tokens) if len(tokens) == rows else tuple(map(str, range(rows)))


def masked(kind: str, own: Tensor | None, queries: int, keys: int) -> Tensor | None:
    """attn_mask of this kind: None, True where a query may see a key, or the reader's own."""
    if kind == "causal":
        return torch.ones(queries, keys, dtype=torch.bool).tril()
    if kind == "padding":
        return (torch.arange(keys) < max(keys - 1, 1)).expand(queries, keys)
    return own if kind == "own" else None


def call_of(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout_p: float, factor: float) -> Call:
    """The call of torch's function; the scale is `factor` / √E."""
    more: dict[str, Any] = {} if mask is None else {"attn_mask": mask}
    more |= {"dropout_p": dropout_p} if dropout_p else {}
    return Call((q, k, v), more if factor == 1 else more | {"scale": factor / math.sqrt(max(q.shape[-1], 1))})


def refusal(call: Call) -> str:
    """What torch says to these shapes and dtypes; empty where it takes them."""
    return words_of(partial(call.of, F.scaled_dot_product_attention))


def as_floats(call: Call) -> tuple[Call, str]:
    """The call with numbers that torch takes, and torch's words where it does not take the reader's dtypes."""
    q, k, v = call.args
    if q.is_floating_point() and q.dtype == k.dtype == v.dtype:
        return call, ""
    given = Call((q[:1, :1], k[:1, :1], v[:1, :1]))
    return Call(tuple(tensor.float() for tensor in (q, k, v)), call.kwargs), refusal(given)


def zeros(queries: int, keys: int) -> Tensor:
    """A mask that changes nothing."""
    return torch.zeros(queries, keys)


def mended(call: Call) -> Call:
    """The call with what fits of its tensors."""
    parts = fitted(call)
    more = {**call.kwargs, **({"attn_mask": parts["m"]} if "m" in parts else {})}
    return Call(tuple(parts[name] for name in "qkv"), more)


def fitted(call: Call) -> dict[str, Tensor]:
    """Of the tensors that do not fit, such parts as do: as many features as both have, as many values as keys."""
    q, k, v = call.args
    features, rows = min(q.shape[1], k.shape[1]), min(len(k), len(v))
    made = {"q": q[:, :features], "k": k[:rows, :features], "v": v[:rows]}
    mask = call.kwargs.get("attn_mask")
    if mask is not None and mask.shape != (len(q), rows):
        made["m"] = zeros(len(q), rows)
    return made


def run(tokens: Sequence[str], call: Call, seed: int) -> Run:
    """Attention with these arguments, its steps from the same draw as the output."""
    q, k, v = call.args
    mask, scale = call.kwargs.get("attn_mask"), call.kwargs.get("scale", 1 / math.sqrt(max(q.shape[1], 1)))
    added = mask if mask is None or mask.dtype != torch.bool else torch.where(mask, 0.0, -math.inf)
    with seeded(seed):
        steps = ops.attention_steps(q, k, v, added, call.kwargs.get("dropout_p", 0.0), scale)
    names = names_of(tokens, len(q)), names_of(tokens, len(k))
    return Run(*names, call, added, scale, steps, steps.output)


@dataclass(frozen=True)
class Told:
    """What one query does."""

    query: str
    best: str  # the key that it gives most weight to
    weight: float
    score: float
    largest: float  # weight that a key could have if all the seen ones shared equally
    seen: int  # keys that it may see
    keys: int
    dropped: int  # of its weights, by dropout

    @property
    def even(self) -> bool:
        """Whether all keys that it sees have the same weight."""
        return self.seen > 1 and abs(self.weight - self.largest) < 1e-6


def told(run: Run, row: int) -> Told:
    """The facts of one row of weights."""
    weights = run.steps.weights[row]
    seen = len(run.keys) if run.mask is None else int((run.mask.expand(run.steps.scores.shape)[row] > -math.inf).sum())
    best = int(weights.nan_to_num(-1).argmax())
    return Told(
        run.queries[row], run.keys[best], float(weights[best]), float(run.steps.scores[row, best]), 1 / max(seen, 1), seen,
        len(run.keys), int(((run.steps.dropped[row] == 0) & (weights > 0)).sum()),
    )  # fmt: skip


# ---- several heads ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One step of the way of a tensor through the heads."""

    code: str
    shape: Index
    stride: Index
    copied: int  # bytes written; 0 for a view


@dataclass(frozen=True)
class Heads:
    """Self-attention of the tokens with several heads, next to nn.MultiheadAttention with the same parameters."""

    tokens: tuple[str, ...]
    x: Tensor  # (L, D)
    steps: ops.MultiHeadSteps
    way: tuple[Step, ...]
    off: float  # the largest difference from torch's output
    weights_off: float
    alike: float  # the largest difference between two heads' weights; 0 with one head


def heads(tokens: Sequence[str], num_heads: int, seed: int) -> Heads:
    """Random embeddings of the tokens and random parameters, by the seed."""
    with seeded(seed):
        module = nn.MultiheadAttention(FEATURES, num_heads, batch_first=True)
        x = torch.randn(len(tokens), FEATURES)
    found = parts_of(module, x)
    with torch.no_grad():
        output, weights = module(x, x, x, average_attn_weights=False)
    mine = found.attention.weights
    return Heads(
        tuple(tokens), x, found, way_of(found, num_heads), float((found.output - output).abs().max()),
        float((mine - weights).abs().max()), float((mine - mine[:1]).abs().max()),
    )  # fmt: skip


def parts_of(module: nn.MultiheadAttention, x: Tensor, mask: Tensor | None = None) -> ops.MultiHeadSteps:
    """The steps by hand with the parameters of torch's module."""
    with torch.no_grad():
        return ops.multi_head_steps(
            x, module.num_heads, module.in_proj_weight, module.in_proj_bias, module.out_proj.weight,
            module.out_proj.bias, mask,
        )  # fmt: skip


def way_of(found: ops.MultiHeadSteps, num_heads: int) -> tuple[Step, ...]:
    """The way of the query through split and merge: which steps copy."""
    query = found.projected.chunk(3, -1)[0]
    split = query.unflatten(-1, (num_heads, -1))
    inner, swapped = found.attention.output, found.attention.output.transpose(-3, -2)
    named = (
        ("q = projected.chunk(3, -1)[0]", found.projected, query),
        (f"q.unflatten(-1, ({num_heads}, -1))", query, split),
        (".transpose(-3, -2)", split, split.transpose(-3, -2)),
        ("output.transpose(-3, -2)", inner, swapped),
        (".flatten(-2)", swapped, swapped.flatten(-2)),
    )
    return tuple(
        Step(code, tuple(after.shape), after.stride(), 0 if _shares(before, after) else after.numel() * after.element_size())
        for code, before, after in named
    )  # fmt: skip


def _shares(one: Tensor, other: Tensor) -> bool:
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


@dataclass(frozen=True)
class Grouped:
    """The same queries with fewer heads of keys and values: `shared` heads of the query ask one of them."""

    keys: Tensor  # (G, L, E)
    weights: Tensor  # (H, L, L)
    shared: int  # H / G
    off: float  # the largest difference from F.scaled_dot_product_attention(…, enable_gqa=True)
    kept: int  # numbers that a token leaves in the cache: a key and a value for each of the G heads
    kept_ungrouped: int  # with as many as the query has
    differ: float  # the largest difference between the weights of two heads that share their keys


def grouped(found: Heads, kv_heads: int) -> Grouped:
    """Keep the first `kv_heads` of the keys and values; it has to divide the number of heads."""
    query, key, value = found.steps.heads
    key, value = key[:kv_heads], value[:kv_heads]
    shared = len(query) // kv_heads
    asked, given = key.repeat_interleave(shared, 0), value.repeat_interleave(shared, 0)
    steps = ops.attention_steps(query, asked, given, None, 0.0, query.shape[-1] ** -0.5)
    theirs = F.scaled_dot_product_attention(query, key, value, enable_gqa=True)
    each, groups = 2 * query.shape[-1], steps.weights.unflatten(0, (kv_heads, shared))
    return Grouped(
        key, steps.weights, shared, float((steps.output - theirs).abs().max()), kv_heads * each, len(query) * each,
        float((groups - groups[:, :1]).abs().max()),
    )  # fmt: skip


# ---- the same in blocks, and token by token -----------------------------------------------------------------------


@dataclass(frozen=True)
class Blocks:
    """Attention in blocks of keys, as far as it has come."""

    block: ops.Block  # the last one that was seen
    count: int  # blocks in all
    at_a_time: int  # scores held
    scores: int  # in all
    off: float  # of the output so far from attention in one go; the last block's is rounding
    equal: float  # the last block's


def blocks(run: Run, block_size: int, seen: int) -> Blocks:
    """The first `seen` blocks, without dropout."""
    found = ops.attention_in_blocks(run.query, run.key, run.value, block_size, run.mask, run.scale)
    whole = ops.attention_steps(run.query, run.key, run.value, run.mask, 0.0, run.scale).output
    off = [float((block.output - whole).abs().max()) for block in found]
    block = found[min(seen, len(found)) - 1]
    return Blocks(
        block, len(found), len(run.query) * min(block_size, len(run.key)), len(run.query) * len(run.key),
        off[min(seen, len(found)) - 1], off[-1],
    )  # fmt: skip


@dataclass(frozen=True)
class Cached:
    """One token of causal attention, the keys and values of those before kept."""

    token: int
    weights: Tensor  # (1, t + 1)
    output: Tensor  # (1, Ev)
    off: float  # from row t of causal attention over all tokens at once
    products: int  # of a query with a key, so far, with the cache
    again: int  # without it: all queries ask again at every token


def cached(run: Run, token: int) -> Cached:
    """Token number `token`, counted from 0, where query, key and value have one row each."""
    q, k, v = run.query[token : token + 1], run.key[: token + 1], run.value[: token + 1]
    step = ops.attention_steps(q, k, v, None, 0.0, run.scale)
    whole = F.scaled_dot_product_attention(run.query, run.key, run.value, is_causal=True, scale=run.scale)[token]
    seen = range(1, token + 2)
    return Cached(
        token, step.weights, step.output, float((step.output[0] - whole).abs().max()), sum(seen), sum(t * t for t in seen),
    )  # fmt: skip


# ---- where a token stands --------------------------------------------------------------------------------------


def positions(tokens: int, features: int) -> Tensor:
    """sin and cos of the position at falling frequencies, side by side: (tokens, features), of Vaswani et al., 3.5."""
    angle = torch.arange(tokens)[:, None] / 10000 ** (torch.arange(0, features, 2) / features)
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)[:, :features]


@dataclass(frozen=True)
class Order:
    """What self-attention makes of the tokens in reverse."""

    encoding: Tensor  # (L, D)
    without: float  # the largest change of a token's output when the order is reversed
    with_positions: float


def order(found: Heads, seed: int) -> Order:
    """The same tokens forwards and backwards, without positions and with them."""
    with seeded(seed):
        module = nn.MultiheadAttention(FEATURES, found.steps.heads[0].shape[0], batch_first=True)
    encoding = positions(len(found.x), FEATURES)

    def changed(add: Tensor) -> float:
        there = parts_of(module, found.x + add).output
        back = parts_of(module, found.x.flip(0) + add).output.flip(0)
        return float((there - back).abs().max())

    return Order(encoding, changed(torch.zeros_like(encoding)), changed(encoding))


# ---- pitfalls --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unscaled:
    """Random queries and keys of many features, with and without 1/√E."""

    features: int
    spread: float  # the standard deviation of a score, unscaled
    largest: float  # the mean of each query's largest weight, unscaled
    scaled: float
    slope: float  # the mean of |∂weight/∂score|, unscaled
    scaled_slope: float


def without_the_scale(features: int = 256, keys: int = 8) -> Unscaled:
    """Scores are sums of E products: their variance is E, and softmax of large numbers is nearly one-hot."""
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(200, features, generator=generator), torch.randn(keys, features, generator=generator)
    scores = q @ k.T
    plain, scaled = scores.softmax(-1), (scores / features**0.5).softmax(-1)
    slope, scaled_slope = (float((w * (1 - w)).mean()) for w in (plain, scaled))
    largest, other = (float(w.amax(-1).mean()) for w in (plain, scaled))
    return Unscaled(features, float(scores.std()), largest, other, slope, scaled_slope)


@dataclass(frozen=True)
class Meanings:
    """One boolean mask, True on and below the diagonal, in two of torch's functions."""

    keys: int
    function: list[int]  # keys that each query sees in F.scaled_dot_product_attention
    module: list[int]  # in nn.MultiheadAttention


def mask_meanings(keys: int = 4) -> Meanings:
    """True lets a key be seen in the one, and hides it in the other."""
    mask = torch.ones(keys, keys, dtype=torch.bool).tril()
    seen = F.scaled_dot_product_attention(torch.zeros(keys, 2), torch.zeros(keys, 2), torch.eye(keys), attn_mask=mask)
    with seeded(0):
        module, x = nn.MultiheadAttention(2, 1), torch.randn(keys, 2)
    weights = module(x, x, x, attn_mask=mask)[1].detach().nan_to_num(0)
    return Meanings(keys, (seen > 0).sum(-1).tolist(), (weights > 0).sum(-1).tolist())


@dataclass(frozen=True)
class Blind:
    """A query that may see no key, by three ways."""

    softmax: float  # its weight, by softmax alone
    function: float  # its output, by F.scaled_dot_product_attention
    module: float  # by nn.MultiheadAttention
    gradient: float  # the largest gradient of the function's query


def nothing_to_see() -> Blind:
    """Row 0 of the mask lets nothing be seen."""
    mask = torch.tensor([[False, False], [True, True]])
    q = torch.ones(2, 2, requires_grad=True)
    out = F.scaled_dot_product_attention(q, torch.ones(2, 2), torch.ones(2, 2), attn_mask=mask)
    (gradient,) = torch.autograd.grad(out.sum(), q)
    weights = torch.full((2,), -torch.inf).softmax(0)
    with seeded(0):
        module, x = nn.MultiheadAttention(2, 1), torch.randn(2, 2)
    theirs = module(x, x, x, attn_mask=~mask)[0]
    nan, zero, other = (float(x.detach()) for x in (weights[0], out[0, 0], theirs[0, 0]))
    return Blind(nan, zero, other, float(gradient.abs().max()))


@dataclass(frozen=True)
class BatchFirst:
    """(2 samples, 3 tokens, 4 features) given to nn.MultiheadAttention as it is, and with batch_first=True."""

    weights: Index  # the shape of the weights: samples, queries, keys
    right: Index
    leaked: int  # numbers of sample 0's output that change with sample 1, as it is
    kept: int  # with batch_first=True


def batch_first() -> BatchFirst:
    """By default the module takes (tokens, batch, features): tokens of different samples attend to each other."""
    with seeded(0):
        plain, first = nn.MultiheadAttention(4, 1), nn.MultiheadAttention(4, 1, batch_first=True)
        x = torch.randn(2, 3, 4)
    other = x.clone()
    other[1] += 1
    found = [(module(x, x, x), module(other, other, other)) for module in (plain, first)]
    changed = [int((now[0][0] != then[0][0]).sum()) for now, then in found]
    shapes = [tuple(now[1].shape) for now, _ in found]
    return BatchFirst(shapes[0], shapes[1], *changed)


@dataclass(frozen=True)
class Averaged:
    """The weights that nn.MultiheadAttention returns, against those of its heads."""

    heads: int
    token: str
    mean: float  # the largest weight of this token's query in what is returned
    largest: list[float]  # in each head
    numbers: int  # that need_weights=True has to hold for 12 heads and 1,024 tokens, which the fused way does not


def averaged(found: Heads, row: int = 0) -> Averaged:
    """By default the mean over the heads comes back."""
    weights = found.steps.attention.weights[:, row]
    mean, largest = float(weights.mean(0).max()), weights.amax(-1).tolist()
    return Averaged(len(weights), found.tokens[row], mean, largest, 12 * 1024 * 1024)


def averaged_of(num_heads: int) -> Averaged:
    """Of the page's own sentence."""
    return averaged(heads(_(SENTENCE).split(), num_heads, 0))


@dataclass(frozen=True)
class Overflow:
    """A product of two rows of 64 numbers in float16, before and after scaling."""

    each: float
    product: float  # in float64
    limit: float
    late: float  # the weight of the largest score, scaled after the product
    early: float  # scaled before


def overflows(each: float = 40.0, features: int = 64) -> Overflow:
    """float16 ends at 65504; two equal keys make two equal scores, and weights of ½ each."""
    q, k = torch.full((1, features), each, dtype=torch.float16), torch.full((2, features), each, dtype=torch.float16)
    late = ((q @ k.T) / features**0.5).softmax(-1)
    early = ((q / features**0.5) @ k.T).softmax(-1)
    return Overflow(each, features * each**2, torch.finfo(torch.float16).max, float(late[0, 0]), float(early[0, 0]))


@dataclass(frozen=True)
class Corner:
    """is_causal=True with one query and several keys, as a step with a cache has them."""

    keys: int
    causal: int  # keys that the query sees with is_causal=True
    plain: int  # without


def causal_corner(keys: int = 5) -> Corner:
    """The triangle begins at the upper left corner: query 0 sees key 0, whichever token the query belongs to."""
    q, k, v = torch.zeros(1, 2), torch.zeros(keys, 2), torch.eye(keys)
    seen = [int((F.scaled_dot_product_attention(q, k, v, is_causal=causal) > 0).sum()) for causal in (True, False)]
    return Corner(keys, *seen)


# ---- questions -------------------------------------------------------------------------------------------------


def seen_by(tokens: int, row: int) -> int:
    """Keys that a query sees with is_causal=True."""
    none = torch.zeros(tokens, 1)
    return int((F.scaled_dot_product_attention(none, none, torch.eye(tokens), is_causal=True)[row] > 0).sum())


def split_shape(tokens: int, heads: int, each: int) -> Index:
    """The shape of (tokens, heads · each) once it is cut into heads."""
    return tuple(ops.split_heads(torch.empty(tokens, heads * each), heads).shape)
