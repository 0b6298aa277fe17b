"""What people believe of the network, and what the runs say; and the questions of the page."""

import random
from collections.abc import Sequence
from functools import partial

from core.experiments import mlp
from core.experiments import mlp_lesson as runs
from core.experiments.mlp_lesson import Seen
from core.ui.frame import Pitfall
from core.ui.predict import Draw, Question
from core.ui.training import Setup
from core.words import _, say, spelled

HIDDENS = (16, 64, mlp.HIDDEN)


def pitfalls(seen: Seen, seed: int, lr: float) -> list[Pitfall]:
    """What people believe of this network, the tutorial's own first."""
    return [
        Pitfall("The tutorial's `normal(0, 0.01)` is a good start", partial(runs.small_start, seed, lr), says_small),
        Pitfall("The tutorial's `X.view((-1, num_inputs))` takes any images", runs.viewed,
                "A batch turned by `transpose(1, 2)` is refused: “{refusal}” `flatten(1)` copies such a batch, and gives "
                "{flattened}. And −1 takes the number of images for granted: of one colour image of 3×28×28 it makes "
                "**{samples_of_colour}** samples, and nobody is told."),
        Pitfall("`dtype=torch.float` in the tutorial's `W1` is decoration", partial(runs.float64_weights, seen.net),
                "`np.random.normal` draws **{dtype}**. Without the argument the first product is refused: “{refusal}”. "
                "Drawn by torch itself (`torch.empty(784, 256).normal_(0, 0.01)`) nothing has to be converted."),
        Pitfall("The tutorial's `MLP(X)` returns probabilities", partial(runs.logits_not_probabilities, seen),
                "For the image on screen its outputs run from {low} to {high} and sum to **{total}**: they are logits. The "
                "cross entropy takes logits, and does a softmax of its own. With one more before it, the norm of the "
                "gradient at the logits is **{twice}** instead of {once}, and the loss cannot fall below {floor:.4g} "
                "however sure and right the network is."),
        Pitfall("Zero is as good a start as any", runs.zero_start,
                "From zero, the gradients have these norms: W1 **{norms[0]}**, b1 **{norms[1]}**, W2 **{norms[2]}**, b2 "
                "**{norms[3]}**. Only b2 ever moves, so the network learns how frequent the classes are, and nothing "
                "else. Another equal start is hardly better: with 0.01 everywhere, {unlike} of {hidden} hidden units get a "
                "gradient other than the first one's. They stay copies of each other; only random numbers part them."),
        Pitfall("`loss.backward()` gives this batch's gradient", partial(runs.adds_up, seen.net), says_accumulated),
    ]  # fmt: skip


def says_small(found: runs.SmallStart) -> str:
    """The two starts in numbers, and which of them is ahead after a few steps."""
    says = _(
        "On real digits X·W1 + b spreads by **{small.pre}** (standard deviation) and the logits by **{small.logits}**; "
    )
    says += _("from Kaiming's start they spread by {kaiming.pre} and {kaiming.logits}. The gradient of W1 has norm ")
    says += _(
        "**{small.gradient1}** against {kaiming.gradient1}. Kaiming's scale is √(2/784) = {scale1} for the first layer "
    )
    says += _("and √(2/256) = {scale2} for the second: 0.01 is too small for both. ")
    after = _(
        "After {steps} steps with lr = {lr} the loss is **{after_small}** from 0.01 and **{after_kaiming}** from "
    )
    after += "Kaiming's start"
    if found.after_kaiming < found.after_small:
        return says + after + _(": it learns from both, and later from the small one.")
    return says + after + _(": so few steps with this learning rate do not part them yet.")


def says_accumulated(found: runs.Accumulated) -> str:
    """What a second backward leaves in `.grad`."""
    if found.once != found.once:
        return _("This network has diverged: its gradient is {once}, and after another `backward()` it is {twice}.")
    if not found.once:
        return _("This network's gradient is 0 for the batch, and 0 + 0 shows nothing. Choose another start.")
    return _(
        "Called twice on the same batch, the gradients have norm {once:.4g}, then **{twice:.4g}**: autograd adds to what is "
        "in `.grad` already. The tutorial's network needs a `zero_()` of each gradient before each `backward()`; "
        "`optimizer.zero_grad()` does it in `torch.optim`. By hand nothing is left over: `backward` returns new tensors."
    )


def questions(seen: Seen, setup: Setup, batches: Sequence[int]) -> list[Draw]:
    """Questions about this network, its training and the image on screen."""

    def parameters(draw: random.Random) -> Question:
        hidden = draw.choice(HIDDENS)
        return Question(
            say("How many numbers does the network train with {hidden} hidden units?", hidden=hidden), str(runs.parameter_count(hidden)),
            f"784·{hidden} + {hidden} + {hidden}·10 + 10.", tolerance=0,
        )  # fmt: skip

    def guessing(_draw: random.Random) -> Question:
        start = runs.facts_of_start(setup.seed, "normal 0.01").loss
        return Question(
            "A network gives each of the ten classes the same probability. What is its cross entropy?",
            f"{runs.equal_probabilities():.4g}", say("−log(1/10) = log 10. The tutorial's start begins near it, since its logits are all nearly 0: here at {start:.4g}.", start=start), tolerance=0.002,
        )  # fmt: skip

    def steps(draw: random.Random) -> Question:
        size = draw.choice([size for size in batches if size != setup.batch_size])
        an_epoch = mlp.steps_per_epoch(setup.samples, size)
        last = setup.samples - (an_epoch - 1) * size
        return Question(
            say("How many steps is a training of {epochs:|epoch|epochs} on {samples} images in batches of {size}?", setup, size=size), str(setup.epochs * an_epoch), say("{an_epoch} an epoch, the last batch holding {last}.", an_epoch=an_epoch, last=last),
            tolerance=0,
        )  # fmt: skip

    def asleep(draw: random.Random) -> Question:
        found = runs.asleep(seen, draw.randrange(mlp.CLASSES))
        why = say(
            "Those of the units that are 0: the gradient of W2[j, {cls}] is hidden[j] · d logits[{cls}].", cls=found.cls
        )
        if found.zeros != found.units:
            why += say(
                " Here d logits[{cls}] is {of_logit}, so that products of it are rounded to 0.",
                cls=found.cls,
                of_logit=spelled(found.of_logit),
            )
        return Question(
            say("The picture of the {hidden} hidden units is on screen. How many of the weights from them to class {cls} get a gradient of 0 from this image?", hidden=mlp.HIDDEN, cls=found.cls), str(found.zeros), why, tolerance=0,
        )  # fmt: skip

    def pushed(draw: random.Random) -> Question:
        c = draw.randrange(mlp.CLASSES)
        gradient = seen.backward(c).logits[0, c].item()
        return Question(
            say("If this image is an {c}: what is d loss / d logits[{c}]?" if c == 8 else "If this image is a {c}: what is d loss / d logits[{c}]?", c=c), f"{gradient:.4g}",
            f"softmax − onehot: {spelled(seen.probabilities[c].item())} − 1.", tolerance=0.005,
        )  # fmt: skip

    return [parameters, guessing, steps, asleep, pushed]
