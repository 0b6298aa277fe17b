"""Workers of a DataLoader: when they load, and what random numbers their samples draw."""

import streamlit as st

from core.experiments import loading, worker_seeds
from core.experiments.loading import Loaded
from core.figures import loading as draw
from core.ui import board, controls, process_run
from core.words import N_, _, say
from pages.packages_parts.lesson import NARROW

SOURCES = {
    "torch": "torch.randint", "random": "random.randrange", "numpy": "numpy.random.randint", "own": N_("a generator in the Dataset"),
    "worker": "worker_init_fn: np.random.seed(worker_id)", "renewed": "worker_init_fn: default_rng(info.seed)",
}  # fmt: skip


def show_workers(loaded: Loaded | None) -> None:
    """The first epoch's batches in time: who loads them, and when they are trained on."""
    with controls.row("workers"):
        workers = controls.slider("workers", "num_workers", 0, 4, 2, width=NARROW)
        prefetch = controls.slider("prefetch", "prefetch_factor", 1, 4, 2, width=NARROW)
        load = float(controls.slider("load", "ms to load a sample", 1, 20, 4, width=150))
        step = float(controls.slider("step", "ms to train on a batch", 1, 60, 15, width=150))
    found = loading.with_workers(loaded.sizes if loaded else [], workers, prefetch, load, step)
    if found is None:
        st.info(_("The epoch is empty: nobody has anything to load."))
        return
    board.show(draw.in_time(found), spelled="{lanes}", name="workers")
    if not workers:
        said = _(
            "Without workers the training process loads each batch itself, and waits meanwhile: **{idle:.0%}** of the epoch's {total} ms."
        )
    elif found.later < 0.02 * found.total:
        said = _(
            "The epoch takes **{total} ms**, and {alone} ms without workers. The training waits for the first batch, {first} ms; after that each batch is loaded while the training works."
        )
    else:
        said = _(
            "The epoch takes **{total} ms**, and {alone} ms without workers. The training still waits for **{idle:.0%}** of it: {workers:|worker loads|workers together load} more slowly than it works."
        )
    rule = (
        _(" Batch b goes to worker b mod {workers}, and each worker is asked for {prefetch:|batch|batches} ahead.")
        if workers
        else ""
    )
    st.markdown(say(said + rule + _(" The order of the samples is the same with any number of workers."), found))
    st.caption(
        _("The times follow from the DataLoader's rule and the two sliders; starting the processes is left out.")
    )


def show_seeds(seed: int) -> None:
    """What samples draw in real worker processes, from six sources of random numbers."""
    st.markdown(
        _(
            "An augmentation (a crop, a flip, noise) draws random numbers in the worker that loads the sample. **Are they different in every worker, "
            "and in every epoch?** The button starts real workers: each sample draws a number from 0 to 99, from six sources in turn. First guess which rows will be equal."
        )
    )
    with controls.row("seeds"):
        workers = controls.slider("seed_workers", "num_workers", 1, 4, 2, width=NARROW)
        samples = controls.slider("seed_samples", "Samples a worker", 4, 8, 5, width=NARROW)
        epochs = controls.slider("seed_epochs", "Epochs", 1, 3, 2, width=NARROW)
    setup = worker_seeds.Setup(workers, samples, epochs, seed)
    drawn = process_run.show(worker_seeds.runs, setup, start="Start the workers", doing="The workers draw.")
    if not drawn:
        return
    board.show(
        *(draw.seeds(each, SOURCES[each.source]) for each in drawn),
        name="seeds",
        spelled={each.source: f"{{note:{each.source}}}" for each in drawn},
    )
    st.markdown(
        _("Each row is one worker in one epoch: *e1 w0* is worker 0 in epoch 1. Equal numbers have one colour.")
    )
    st.markdown("\n".join(f"- `{SOURCES[each.source]}`: {say(verdict(each), each)}" for each in drawn))
    st.markdown(
        _(
            "torch seeds three generators in each worker, anew in each epoch: its own, Python's `random`, and numpy's global one. A generator that the Dataset holds "
            "is **copied** into each worker in the state it has in the parent, and nobody seeds the copies. Seed them in `worker_init_fn`, from "
            "`get_worker_info().seed`, which differs by worker and by epoch. A worker's id alone differs by worker only."
        )
    )


def verdict(drawn: worker_seeds.Drawn) -> str:
    """Which rows are equal."""
    if drawn.same_in_workers and drawn.same_in_epochs:
        return _("**every worker draws the same numbers, and again in every epoch.**")
    if drawn.same_in_workers:
        return _("**every worker draws the same numbers.**")
    if drawn.same_in_epochs:
        return _("**every epoch repeats the numbers of the one before.**")
    return _("no row comes again.") if len(drawn.rows) > 1 else _("one row, so nothing can come again.")
