"""What the page gives to take home: a script that makes the network on screen, or what it says of the image."""

from core.experiments import mlp
from core.experiments import mlp_lesson as runs
from core.experiments.mlp_lesson import Seen
from core.figures.mlp import grey
from core.tensors.digits import SIDE
from core.tensors.script import Script
from core.ui.take_away import TakeAway
from core.ui.training import Setup
from core.words import _, say


def of_start(seen: Seen, setup: Setup) -> TakeAway:
    """Before the training: the start is drawn anew, says what is on screen of the image, and takes its first step."""
    found = runs.first_step(setup.seed, setup.scheme, setup.samples, setup.settings)
    script = Script(
        title=_("An MLP by hand: its start, what it says of an image, and the first step of its training"),
        inputs={"image": seen.image, "images": grey(found.X.view(-1, SIDE, SIDE)), "labels": found.y},
        functions=(mlp.initial_parameters, mlp.forward, mlp.cross_entropy_loss, mlp.backward, mlp.sgd_step),
        calls=(
            "torch.set_num_threads(1)",
            f"start = initial_parameters({setup.seed}, {setup.scheme!r})",
            "logits = forward(start, image[None]).logits[0]  # on screen",
            "X = images.flatten(1).float() / 255",
            "passed = forward(start, X)",
            "first_loss = cross_entropy_loss(passed.logits, labels)",
            f"stepped = sgd_step(start, backward(start, X, labels, passed).parameters, lr={setup.lr})",
            "second_loss = cross_entropy_loss(forward(stepped, X).logits, labels)  # of the same batch",
        ),
        results=("logits", "first_loss", "second_loss"),
        reference={
            "first_loss": "torch.nn.functional.cross_entropy(torch.relu(X @ start.W1 + start.b1) @ start.W2 + "
            "start.b2, labels)"
        },
    )
    tensors = {"logits": seen.forward.logits[0], "first_loss": found.first, "second_loss": found.second}
    return TakeAway(script, tensors | of_network(seen))


def of_trained(seen: Seen) -> TakeAway:
    """After steps of training: the picked hidden unit from the pixels, and the classes from the hidden units.

    All of W1 is too long for a script that is to be read: it comes as a file beside it.
    """
    found = runs.last_layer(seen)
    script = Script(
        title=say("An MLP trained by hand: hidden unit {unit}, the logits and the probabilities of an image", unit=seen.unit),
        inputs={
            "image": seen.image, "weights": found.weights, "bias": found.bias,
            "hidden": found.hidden, "W2": seen.net.W2, "b2": seen.net.b2,
        },
        functions=(runs.unit_of, runs.logits_of),
        calls=(
            "torch.set_num_threads(1)", "unit = unit_of(image, weights, bias)", "logits = logits_of(hidden, W2, b2)",
            "p = logits.softmax(0)",
        ),
        results=("unit", "logits", "p"),
        reference={
            "unit": "torch.relu(torch.nn.functional.linear(image.flatten()[None], weights[None], bias[None]))[0, 0]",
            "logits": "torch.nn.functional.linear(hidden, W2.T, b2)",
        },
    )  # fmt: skip
    return TakeAway(script, {"unit": found.unit, "logits": found.logits, "p": found.p} | of_network(seen))


def of_network(seen: Seen) -> dict:
    """The image, its hidden units, and the network on screen."""
    names = ("W1", "b1", "W2", "b2")
    return {"image": seen.image, "hidden": seen.forward.hidden, **dict(zip(names, seen.net.tensors(), strict=True))}
