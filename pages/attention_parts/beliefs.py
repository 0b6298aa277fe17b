"""What people believe of attention, and what a run says of it."""

from functools import partial

from core.experiments import attention as runs
from core.ui.frame import Pitfall

PITFALLS = (
    Pitfall(
        "The factor 1/√E is cosmetic: softmax only cares which score is larger", runs.without_the_scale,
        "For random queries and keys of {features} features a score has the standard deviation **{spread}**: it is a sum of {features} products. Softmax of such scores gives "
        "the best of 8 keys **{largest:.0%}** on average, with the factor **{scaled:.0%}**. And where one key has nearly everything, hardly any slope is left to learn from: a weight's own slope is "
        "**{slope}** on average, with the factor **{scaled_slope}**.",
    ),
    Pitfall(
        "A boolean mask means the same everywhere: True hides a key", runs.mask_meanings,
        "The same mask, True on and below the diagonal, given to both: in `F.scaled_dot_product_attention` True *lets a key be seen*, and the {keys} queries see {function} keys. In "
        "`nn.MultiheadAttention` True *hides* a key, and they see {module}. Handing a mask from the one to the other takes a `~`.",
    ),
    Pitfall(
        "A query that may see no key gives nan", runs.nothing_to_see,
        "It depends on the function. `softmax` of nothing but −∞ is **{softmax}**, and `nn.MultiheadAttention`, which takes it as it is, gives **{module}**. `F.scaled_dot_product_attention` gives **{function}**, "
        "with a gradient of {gradient}: it asks whether a row sees anything. One sample that is all padding is enough to meet the difference.",
    ),
    Pitfall(
        "nn.MultiheadAttention takes (batch, tokens, features)", runs.batch_first,
        "By default it takes (tokens, batch, features), and does not notice. Of 2 samples with 3 tokens it makes weights of shape {weights}: each sample attends to the *other sample*, and when "
        "sample 1 changes, **{leaked}** numbers of sample 0's output change too. With `batch_first=True` the weights are {right}, and **{kept}** change.",
    ),
    Pitfall(
        "The weights that nn.MultiheadAttention returns are where the model looks", partial(runs.averaged_of, 4),
        "They are the mean over the heads. For “{token}” the largest of them is **{mean}**, while the {heads} heads give their favourites {largest}. `average_attn_weights=False` returns each head's. And asking costs: "
        "for 12 heads and 1,024 tokens `need_weights=True` holds **{numbers:,}** weights for each sample, which the fused way never stores.",
    ),
    Pitfall(
        "In float16 it does not matter when the scores are scaled", runs.overflows,
        "A query and two equal keys of 64 numbers, each {each}: the product is {product}, and float16 ends at {limit}. Scaled after the product the weight is **{late}** (∞ − ∞), scaled before it **{early}**.",
    ),
    Pitfall(
        "is_causal=True is right for the next token too, with the earlier keys from a cache", runs.causal_corner,
        "The triangle begins at the upper left: query number 0 sees key number 0. One new query over {keys} cached keys sees **{causal}** of them with `is_causal=True`, and **{plain}** without. The last token may see everything: it needs no mask.",
    ),
)  # fmt: skip
