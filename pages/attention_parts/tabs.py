"""The attention page's own tabs: several heads in memory, keys in blocks, token by token."""

import streamlit as st

from core.experiments import attention as runs
from core.figures import attention as draw
from core.ui import board, controls
from core.words import N_, _, say

HEADS = N_("""Each head is an attention of its own on {each:|feature|features} of the {features}: with {count:|head|heads} a token can look at as many others at a time. The output is
`nn.MultiheadAttention`'s within **{off}**, its weights within **{weights_off}**. Splitting moved no number: `unflatten` and `transpose` are views.""")
MERGED = N_("Merging copied **{copied:|byte|bytes}**: the outputs of one token's heads do not lie side by side.")
ONE_HEAD = N_("Merging copied nothing either: with one head there is nothing to put side by side.")
GROUPED = N_("""**Grouped heads.** {shared} heads of the query ask one head of the keys and values, `enable_gqa=True`: a token leaves **{kept}** numbers in the cache, not {kept_ungrouped}. The output is
`F.scaled_dot_product_attention`'s within **{off}**.""")
DIFFER = N_("The weights of heads that share their keys differ by up to **{differ}**: their queries are their own.")
UNGROUPED = N_(
    """**Grouped heads.** Here each head of the query has keys and values of its own, and a token leaves **{kept}** numbers in the cache. Give key and value fewer heads: several heads of the query then share them."""
)
ORDER = N_("""**Where a token stands.** Put the tokens in reverse, and each token's output changes by **{without}** at most, which is rounding: attention asks *what* stands there, not *where*. With a
positional encoding added (sine and cosine of the position, picture above) it changes by **{with_positions}**.""")
ALONE = N_(
    "**Where a token stands.** One token alone stands nowhere else: type several words to see what a positional encoding changes."
)
HELD = N_("Of the {scores} scores **{at_a_time}** are held at a time.")
SO_FAR = N_(
    "After block {seen} of {count} the output is off by **{off}** from attention in one go; after the last one by **{equal}**."
)
DONE = N_("After the last block the output is off by **{equal}** from attention in one go.")
ONLINE = N_(
    "Whenever a larger score comes, what was summed so far shrinks by exp(old largest − new largest): that is all that FlashAttention needs, never to store the scores."
)
CACHE = N_("""Token {token} asks {keys:|key|keys}: those before it are kept, and no earlier query is asked again. Its output is that of causal attention over all tokens within **{off}**.
So far {products:|product|products} of a query with a key were taken; without the cache, all queries asking again at each token, it would be **{again}**.""")
NO_CACHE = N_(
    "Token by token each token needs a query, a key and a value of its own: give these three equally many rows."
)


def several_heads(tokens: tuple[str, ...], seed: int) -> None:
    """The split, the weights of each head, the merge, and the way in memory."""
    with controls.row("heads"):
        count = controls.choice("heads", "num_heads", runs.HEAD_SIZES, 2)
    found = runs.heads(tokens, count, seed)
    parts, links = draw.heads(found)
    board.show(*parts, links=links, spelled=draw.HEAD_SPELLED, cell=22, name="heads")
    copied = sum(step.copied for step in found.way)
    said = say(HEADS, found, features=runs.FEATURES, each=runs.FEATURES // count, count=count)
    st.markdown(f"{said} {say(MERGED, copied=copied) if copied else _(ONE_HEAD)}")
    st.table({
        _("Step"): [f"`{step.code}`" for step in found.way], _("Shape"): [str(step.shape) for step in found.way],
        _("Stride"): [str(step.stride) for step in found.way],
        _("Copies"): [say("{n:|byte|bytes}", n=step.copied) if step.copied else _("nothing: a view") for step in found.way],
    })  # fmt: skip
    if count > 1:
        grouped_heads(found, count)
    order = runs.order(found, seed)
    board.show(draw.positions(order), spelled="`{at:encoding}` = **{encoding}**", cell=22, name="positions")
    st.markdown(say(ORDER if len(tokens) > 1 else ALONE, order))


def grouped_heads(found: runs.Heads, count: int) -> None:
    """Several heads of the query that share one of the keys and values."""
    with controls.row("groups"):
        kv_heads = controls.choice("kv_heads", "Heads of key and value", [n for n in runs.HEAD_SIZES if n <= count])
    shared = runs.grouped(found, kv_heads)
    parts, links = draw.grouped(shared)
    board.show(*parts, links=links, spelled=GROUPED_SPELLED, cell=22, name="groups")
    said = [say(GROUPED if kv_heads < count else UNGROUPED, shared)]
    st.markdown(" ".join(said + [say(DIFFER, shared)] * (shared.differ > 0)))


GROUPED_SPELLED = {"shared": "`{at:shared}` = **{shared}**", "asking": "`{at:asking}` = **{asking}**"}


def in_blocks(run: runs.Run) -> None:
    """Online softmax, block by block."""
    with controls.row("blocks"):
        size = controls.slider("block_size", "Keys a block", 1, 8, 2)
        seen = controls.slider("seen", "Blocks seen", 1, 8, 1)
    found = runs.blocks(run, size, seen)
    board.show(*draw.blocks(run, found), spelled=BLOCK_SPELLED, cell=draw.side(run), name="blocks")
    at = min(seen, found.count)
    said = [say(HELD, found), say(SO_FAR if at < found.count else DONE, found, seen=at), _(ONLINE)]
    st.markdown(" ".join(said))


BLOCK_SPELLED = {
    "scores": "`{at:scores}` = **{scores}**", "largest": N_("The largest score of row {at:largest} so far: **{largest}**"),
    "total": N_("The sum of exp(score − largest) so far: **{total}**"), "output": "`{at:output}` = **{output}**",
}  # fmt: skip


def token_by_token(run: runs.Run) -> None:
    """A step with the keys and values of the tokens before."""
    if not len(run.query) == len(run.key) > 0:
        st.info(_(NO_CACHE))
        return
    with controls.row("cache"):
        token = controls.slider("token", "Token", 0, runs.MOST_TOKENS - 1, 3)
    found = runs.cached(run, min(token, len(run.query) - 1))
    board.show(*draw.cache(run, found), spelled=CACHE_SPELLED, cell=draw.side(run), name="cache")
    st.markdown(say(CACHE, found, keys=found.token + 1))


CACHE_SPELLED = {
    "": "",
    "output": "`{at:output}` = {sum:weights*values} = **{output}**",
    "weights": "`{at:weights}` = **{weights}**",
}
