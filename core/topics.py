"""The registry: every topic of the app, in the order of the navigation. Nothing else lists topics or operators."""

from dataclasses import dataclass

from core.ops import (
    activations,
    attention,
    batch_norm,
    binary_losses,
    broadcasting,
    conv1d,
    conv_transpose2d,
    convolution,
    dropout,
    embedding,
    gather,
    init,
    linear,
    losses,
    metrics,
    normalize,
    pooling,
    products,
    sets,
    softmax,
    weight_decay,
)
from core.ops.operator import Operator
from core.words import N_, Words

SECTIONS = N_(
    ("Memory", "Products and picks", "Autograd and state", "Scores and losses", "Layers", "Training", "Timing")
)


@dataclass(frozen=True)
class Topic:
    """One page of the app."""

    name: str  # the page's file, pages/<name>.py, and its address
    title: Words
    section: str  # one of SECTIONS
    icon: str
    question: Words  # what the page answers, in one line
    operators: tuple[Operator, ...] = ()

    def operator(self, name: str) -> Operator:
        """The topic's operator of this name."""
        return next(operator for operator in self.operators if operator.name == name)


TOPICS: tuple[Topic, ...] = (
    Topic(
        "layout",
        "Memory layout",
        "Memory",
        ":material/memory:",
        "Where do a tensor's numbers lie in memory, and what do `view`, `permute` and the others really change?",
    ),
    Topic(
        "aliases",
        "Copies and aliases",
        "Memory",
        ":material/content_copy:",
        "When b is made from a: whose memory is it, does a write reach the other, and does a gradient?",
    ),
    Topic(
        "sets",
        "Sets and unique",
        "Products and picks",
        ":material/filter_list:",
        "What does a set do with the order of its items, and how does `unique` find, count and map them?",
        sets.OPERATORS,
    ),
    Topic(
        "normalize",
        "L2 normalise",
        "Products and picks",
        ":material/straighten:",
        "What does dividing each vector by its norm change, and on which curve do the vectors lie then for each p?",
        normalize.OPERATORS,
    ),
    Topic(
        "broadcasting",
        "Broadcasting",
        "Products and picks",
        ":material/open_in_full:",
        "How do two different shapes become one, which numbers are read again, and what comes back in the gradient?",
        broadcasting.OPERATORS,
    ),
    Topic(
        "products",
        "Matrix products",
        "Products and picks",
        ":material/grid_on:",
        "Which numbers meet in a product, which shapes does each operation take, and how does it broadcast?",
        products.OPERATORS,
    ),
    Topic(
        "gather",
        "Gather and scatter",
        "Products and picks",
        ":material/ads_click:",
        "Which number does each place of `index` pick, and where does its gradient go?",
        gather.OPERATORS,
    ),
    Topic(
        "embedding",
        "Embedding",
        "Products and picks",
        ":material/table_rows:",
        "Which rows of the table does a list of tokens pick, and what comes back to a row that was picked twice?",
        embedding.OPERATORS,
    ),
    Topic(
        "no_grad",
        "no_grad and its neighbours",
        "Autograd and state",
        ":material/edit_off:",
        "Which steps does autograd record, what do they keep in memory, and what does switching it off change?",
    ),
    Topic(
        "buffers",
        "Buffers and parameters",
        "Autograd and state",
        ":material/inventory_2:",
        "Which of a module's tensors are saved, moved, given a gradient and changed by the optimiser?",
    ),
    Topic(
        "softmax",
        "Softmax",
        "Scores and losses",
        ":material/percent:",
        "How do exp, sum and divide turn scores into probabilities, and why does the largest score go first?",
        softmax.OPERATORS,
    ),
    Topic(
        "cross_entropy",
        "Cross entropy",
        "Scores and losses",
        ":material/trending_down:",
        "How do logits become one number that says how wrong they are, and which way does its gradient push?",
        losses.OPERATORS + binary_losses.OPERATORS,
    ),
    Topic(
        "accuracy",
        "Accuracy",
        "Scores and losses",
        ":material/target:",
        "How many predictions are right, over all batches, per class and among the k best, and what is taken for what?",
        metrics.OPERATORS,
    ),
    Topic(
        "convolution",
        "Convolution",
        "Layers",
        ":material/filter_center_focus:",
        "Which numbers make one output of a convolution, and which outputs does one input reach?",
        convolution.OPERATORS + conv1d.OPERATORS + conv_transpose2d.OPERATORS,
    ),
    Topic(
        "pooling",
        "Pooling",
        "Layers",
        ":material/compress:",
        "What does a window keep as its maximum and as its average, and which cells does the gradient reach?",
        pooling.OPERATORS,
    ),
    Topic(
        "activations",
        "ReLU and activations",
        "Layers",
        ":material/show_chart:",
        "What does an activation do to a number and to its gradient, what happens at 0, and when does a unit die?",
        activations.OPERATORS,
    ),
    Topic(
        "dropout",
        "Dropout",
        "Layers",
        ":material/blur_on:",
        "What does dropout set to zero, why does it scale the rest, and what comes back in the gradient?",
        dropout.OPERATORS,
    ),
    Topic(
        "batch_norm",
        "Batch norm and its neighbours",
        "Layers",
        ":material/stacked_bar_chart:",
        "Which numbers share a mean in batch, layer, instance and group norm, and what is remembered for evaluation?",
        batch_norm.OPERATORS,
    ),
    Topic(
        "attention",
        "Attention",
        "Layers",
        ":material/visibility:",
        "How does a token choose whom it looks at, and how do scores, mask and softmax make its output?",
        attention.OPERATORS,
    ),
    Topic(
        "weight_decay",
        "Weight decay",
        "Training",
        ":material/trending_down:",
        "What does pulling weights towards 0 change, and does it matter who pulls, the loss or the optimiser?",
        weight_decay.OPERATORS,
    ),
    Topic(
        "packages",
        "The packages",
        "Training",
        ":material/package_2:",
        "What do torch.utils.data, nn, nn.init and optim each do, seen in a run?",
        init.OPERATORS,
    ),
    Topic(
        "mlp",
        "MLP by hand",
        "Training",
        ":material/neurology:",
        "How do two layers learn to read digits with forward, backward and SGD written by hand, as torch.nn's do?",
        linear.OPERATORS,
    ),
)

TIMING = Topic(
    "timing",
    "Timing",
    "Timing",
    ":material/timer:",
    "What does each hand-written version cost next to torch's own, on this machine, now?",
)

PAGES: tuple[Topic, ...] = (*TOPICS, TIMING)  # every page but the home page: the topics, and what is about all of them


def operators() -> tuple[Operator, ...]:
    """Every operator of every topic, in the order of the topics, each once."""
    return tuple(dict.fromkeys(operator for topic in TOPICS for operator in topic.operators))
