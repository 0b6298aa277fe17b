"""torch.utils.data: which sample lands in which batch, who loads it when, and what the workers draw."""

import random
from functools import partial

import streamlit as st

from core.experiments import loading
from core.experiments.loading import Loaded, Loading
from core.figures import colour
from core.figures import loading as draw
from core.figures.walk import record
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, link, tensor_input, walk
from core.ui.board import BREAK
from core.ui.frame import Pitfall, Try
from core.ui.predict import Draw, Question
from core.ui.take_away import TakeAway
from core.words import _, say, spelled
from pages.packages_parts.lesson import NARROW, below, put
from pages.packages_parts.workers import show_seeds, show_workers

SAMPLERS = {
    "shuffle": "shuffle=True", "in-order": "shuffle=False", "replacement": "RandomSampler, replacement",
    "weighted": "WeightedRandomSampler",
}  # fmt: skip


def data_part(topic: Topic) -> None:
    """Which sample lands in which batch, and the picked batch as images."""
    how = choose_loader()
    loaded = load(how)
    if loaded is not None and loaded.longest:
        show_epochs(loaded)
    if loaded is not None:
        say_loading(loaded)
    below(
        topic, "data", pitfalls=pitfalls(how), questions=questions(how), tries=TRIES, walk=partial(walk_batches, how),
        take=partial(take_batches, how), functions=(loading.epochs_of, loading.shuffled, loading.put_back, loading.weighted, loading.schedule),
        more={"Workers in time": partial(show_workers, loaded), "Workers' random numbers": partial(show_seeds, how.seed)},
    )  # fmt: skip


def load(how: Loading) -> Loaded | None:
    """The loader's run; where torch refuses it or it gives nothing, the reason and what mends it."""
    try:
        loaded = loading.run(how)
    except RuntimeError as refusal:
        board.show(draw.weights(how), name="weights")
        frame.refused(
            f"{type(refusal).__name__}: {refusal}",
            "Somebody has to be drawn: at least one weight must be above 0.",
            {"The example's weights": partial(put, w_from="example")},
        )
        return None
    if not loaded.longest:
        mends = {
            f"batch_size = {how.count}": partial(put, batch_size=how.count),
            "drop_last off": partial(put, drop_last=False),
        }
        frame.refused(
            _("Every epoch is empty."),
            say(
                "`drop_last` drops a batch that is not full, and {count:|sample makes|samples make} no full batch of {batch_size}.",
                how,
            ),
            mends,
        )
    return loaded


def choose_loader() -> Loading:
    """The data set, the sampler and the loader's settings."""
    with controls.main():
        sampler = controls.choice("sampler", "Sampler", SAMPLERS, few=0, width=225)
        own = sampler == "weighted" and tensor_input.source("w") != "example"  # as many samples as there are weights
        count = 20 if own else controls.slider("count", "Samples", 4, 48, 20, width=NARROW)
        batch_size = controls.slider("batch_size", "batch_size", 1, 16, 6, width=NARROW)
        epochs = controls.slider("epochs", "Epochs", 1, 3, 2, width=NARROW)
        drop_last = controls.toggle("drop_last", "drop_last")
    weights = loading.fair_weights(count)
    with controls.more():
        seed = controls.seed()
        if sampler == "weighted":
            limits = Limits(ranks=(1,), max_side=48, max_elements=48, low=0, high=1e6)
            weights = tensor_input.tensor("w", "Weights, one a sample", weights, limits).double()
    return Loading(sampler, weights, batch_size, drop_last, epochs, seed)


def show_epochs(loaded: Loaded) -> None:
    """The epochs side by side; the picked batch's images; and how often each sample comes."""
    st.markdown(_("**Look first** at one number in epoch 0: point at it, and see where the same sample stands in the other pictures."))  # fmt: skip
    shown = st.container()
    cell = controls.cell("batch", "Picked batch: epoch, batch", (len(loaded.epochs), loaded.longest))
    picked = (cell[0], cell[1]) if cell and cell[1] < len(loaded.epochs[cell[0]]) else (0, 0)
    projector = link.projector()
    tables, times, images = (
        draw.epochs(loaded, picked, projector),
        draw.times(loaded, projector),
        draw.images(loaded, picked),
    )
    names = [*(table.name for table in tables), images.name, times.name]
    with shown:
        board.show(
            *tables, images, BREAK, times, links=draw.same_sample(loaded, picked),
            spelled={name: f"{{note:{name}}}" for name in names},
            picks=dict.fromkeys((name for name in names if name != images.name), "batch"),
        )  # fmt: skip


def say_loading(loaded: Loaded) -> None:
    """What each of the three parts did, and the check of the indices."""
    st.markdown(say(
        _("Three parts work together. The **Dataset** answers two things: its length, {count}, and the item at an index. The **Sampler**, here "
        "`{sampler}`, gives the indices in an order. The **DataLoader** cuts that order into {batches:|batch|batches} an epoch and stacks the "
        "items of each. Epoch 0 leaves out **{unseen:|sample|samples}**")
        + (_(" of {count}; epoch 1 has another sample at {moved:|place|places}.") if len(loaded.epochs) > 1 and loaded.longest else _(" of {count}.")), loaded,
    ))  # fmt: skip
    if loaded.agrees:
        check.say("order of the samples", loaded.agrees)


# ---- below the pictures ----------------------------------------------------------------------------------------

TRIES = (
    Try("With replacement", "part=utils.data&sampler=replacement&count=20", "The lower picture counts how often each sample comes. Find those with 0: about a third of the samples is never seen in an epoch, though 20 are drawn."),
    Try("A dropped rest", "part=utils.data&count=20&batch_size=6&drop_last=true", "Which samples does epoch 0 leave out, and are they the same ones in epoch 1? Count them first: 20 mod 6."),
    Try("Rare digits as often as common ones", "part=utils.data&sampler=weighted&count=48&batch_size=12", "Each weight is one over how often the sample's digit occurs. Pick a batch and count its digits; then find the samples that came several times."),
    Try("In order", "part=utils.data&sampler=in-order", "Both epochs are equal, and every batch always has the same companions: what a validation set wants, and a training set does not."),
    Try("Random numbers that come again", "part=utils.data&tab=Workers' random numbers", "Start the workers in the tab below. Two of the six sources give again what they gave before: guess which before you look."),
)  # fmt: skip


def pitfalls(how: Loading) -> list[Pitfall]:
    """What people believe of loaders."""
    n, size, seed = how.count, how.batch_size, how.seed
    return [
        Pitfall("With one seed, `shuffle=True` gives the same order in every epoch", partial(loading.two_epochs, seed), two_epochs),
        Pitfall("Dropping the last batch loses nothing", partial(loading.dropped, n, size, seed), dropped),
        Pitfall("The mean of the batches' losses is the loss of the data set", partial(loading.mean_of_means, n, size), mean_of_means),
        Pitfall("n draws with replacement see about all n samples", partial(loading.never_drawn, n, seed),
                "Over {epochs} epochs of {n} draws, **{share:.1%}** of the samples did not come in an epoch. One draw misses a sample with chance 1 − 1/n, and n draws miss it "
                "with chance (1 − 1/n)ⁿ = {expected:.1%}; for large n that goes to 1/e = {limit:.1%}."),
        Pitfall("`sampler=` and `shuffle=True` go together", loading.sampler_and_shuffle,
                "torch refuses: `{says}`. `shuffle=True` only chooses a sampler, a RandomSampler; there is room for one."),
        Pitfall("Samples may have any shape: the loader makes a batch of them", loading.ragged,
                "Of one sequence of 3 numbers and one of 5, torch says: `{says}`. The loader stacks what it is given. A `collate_fn` of your own can pad them first: `{instead}`."),
        Pitfall("A `DistributedSampler` shuffles each epoch anew", partial(loading.without_set_epoch, n, seed), set_epoch),
    ]  # fmt: skip


def two_epochs(facts: loading.TwoEpochs) -> str:
    """By what the loaders gave."""
    goes_on = _("One loader, two epochs: {first}, then {second}. ")
    goes_on += (
        _("The generator goes on where the first epoch left it.")
        if facts.first != facts.second
        else _("Here the two happen to be equal.")
    )
    return goes_on + (
        _(" What the seed fixes is the whole run: a **new** loader with this seed begins with {again} again.")
        if facts.first == facts.again
        else ""
    )


def dropped(facts: loading.Dropped) -> str:
    """By whether there was a rest to drop."""
    if not facts.left:
        return _("{count} samples are a whole number of batches of {batch_size}: here nothing is dropped. Set another batch_size.")  # fmt: skip
    if facts.left == facts.count:
        return _("{count:|sample is|samples are} less than one batch of {batch_size}: every epoch is empty, and nothing is learnt at all. Set a smaller batch_size.")  # fmt: skip
    return (_("{count} samples in batches of {batch_size}: epoch 0 leaves out {left:|sample|samples}, {first}, and epoch 1 {second}. In training that evens out, since each epoch "
            "shuffles anew. An evaluation has one epoch, and never counts them."))  # fmt: skip


def mean_of_means(facts: loading.Steps) -> str:
    """By whether all batches are of one size."""
    if facts.batches == 1:
        return _("One batch holds all {samples:|sample|samples} here, so there is one mean only, {of_samples:.4f}. Set a smaller batch_size.")  # fmt: skip
    if len(set(facts.sizes)) == 1:
        return _("Let each sample's label be its loss. In {batches:|batch|batches} of one size, the mean of the batches' means is {of_batches:.4f}, the mean of all samples {of_samples:.4f}. That holds only while the last batch is full.")  # fmt: skip
    return (_("Let each sample's label be its loss. In batches of {sizes}, the mean of the batches' means is **{of_batches:.4f}**, the mean of all samples **{of_samples:.4f}**. The small last batch weighs as much as a "
            "full one, and its samples too much. Weigh each batch by its size, or sum and divide once."))  # fmt: skip


def set_epoch(facts: loading.Ranks) -> str:
    """By what the sampler gave."""
    same = _("the very same order") if facts.first == facts.second else _("another order")
    return (say("Rank 0 of 2: epoch 0 is {first}, epoch 1 is {second}, {same}. After `sampler.set_epoch(1)` it is {third}. The ranks must agree on the order without speaking to each other, so the sampler seeds each epoch with seed + epoch, and learns the epoch from nobody but you.", facts, same=same))  # fmt: skip


def questions(how: Loading) -> list[Draw]:
    """On loaders like the one on screen."""

    def batches(draw: random.Random) -> Question:
        asked = loading.length(how, draw)
        return Question(say("{n} samples, batch_size={size}, drop_last={drop_last}: how many batches has an epoch?", asked), str(asked.batches),
                        f"{asked.n} / {asked.size}, rounded {'down' if asked.drop_last else 'up'}.", tolerance=0)  # fmt: skip

    def shape(draw: random.Random) -> Question:
        asked = loading.last_batch(how, draw)
        return Question(say("{n} digits of 28×28 in batches of {size}, without drop_last: what is the shape of the last batch's images?", asked), spelled(asked.shape),
                        "What is left over, stacked along a new first dimension: the default collate adds it.", tolerance=0)  # fmt: skip

    def worker(draw: random.Random) -> Question:
        asked = loading.loader_of(draw)
        return Question(
            say("`num_workers={workers}`: which worker loads batch {batch}? Both count from 0.", asked),
            str(asked.worker),
            say("{batch} mod {workers}: the workers take turns.", asked),
            tolerance=0,
        )

    return [batches, shape, worker]


def walk_batches(how: Loading) -> None:
    """An epoch's order cut into batches, one index at a time."""
    steps = record(
        loading.batch_up,
        loading.first_order(how)[:16],
        how.batch_size,
        how.drop_last,
        panels=("order", "index", "batch"),
    )
    walk.show(steps, dict.fromkeys(("order", "index", "batch"), colour.identity(how.count)), key="walk")


def take_batches(how: Loading) -> TakeAway:
    """The epochs' indices by hand and by torch's DataLoader, as a script."""
    n = how.count
    ours, theirs = {
        "shuffle": (f"shuffled({n}, g)", f"RandomSampler(range({n}), generator=g)"),
        "in-order": (f"in_order({n})", f"SequentialSampler(range({n}))"),
        "replacement": (f"put_back({n}, g)", f"RandomSampler(range({n}), True, generator=g)"),
        "weighted": ("weighted(weights, g)", f"WeightedRandomSampler(weights.tolist(), {n}, generator=g)"),
    }[how.sampler]
    common = f"{how.batch_size}, {how.drop_last}, {how.epochs}, {how.seed}"
    script = Script(
        _("Batches of a DataLoader"), {"weights": how.weights} if how.sampler == "weighted" else {},
        (loading.epochs_of, loading.epochs_of_torch, loading.flat, loading.shuffled, loading.in_order, loading.put_back, loading.weighted),
        (f"indices = flat(epochs_of(lambda g: {ours}, {common}))",), ("indices",),
        {"indices": f"flat(epochs_of_torch(lambda g: torch.utils.data.{theirs}, {n}, {common}))"},
    )  # fmt: skip
    return TakeAway(script, {"indices": loading.flat(loading.by_hand(how))})
