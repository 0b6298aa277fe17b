"""The weight decay page: its pictures and sentences are of the runs that its controls ask for."""

import json
import math
import re

import pytest
import torch

from core.experiments import weight_decay as runs
from core.experiments.weight_decay import DECAYED, SWEPT, Setting
from core.words import spelled
from tests.experiments.test_weight_decay import by_torch, loss_in_test
from tests.linking import partners
from tests.pages.opening import boards, charts, control, held, open_page, panels, ran_alone, settings, sound, words

TRIES = {
    "No decay at all": {"lambd": "0"},
    "Samples enough": {"n_train": "200", "inputs": "10", "lr": "0.1", "epochs": "200"},
    "Too large a learning rate": {"n_train": "5", "lr": "0.1"},
    "Who decays, in Adam?": {"optimiser": "Adam", "lambd": "1", "tab": "Adam and AdamW"},
    "Which λ is best?": {"epochs": "40", "tab": "All λ"},
}


def setting_of(link):
    """What a link asks for, and the optimiser and λ with it."""
    number = lambda key, default: type(default)(link.get(key, default))  # noqa: E731
    at = Setting(number("n_train", 20), number("inputs", 200), number("lr", 0.03), 0, number("epochs", 40))
    return link.get("optimiser", "SGD"), number("lambd", 3.0), at


def says(app, *facts):
    """Whether the page's text has each of these facts as a number of its own."""
    text = words(app)
    return all(re.search(rf"(?<![\d.−]){re.escape(spelled(fact))}(?![\d.]*\d)", text) for fact in facts)


@pytest.mark.parametrize(
    "link", [{}, {"lambd": "0.5", "n_train": "40", "inputs": "50", "epochs": "20", "optimiser": "Adam"}]
)
def test_the_pictures_and_sentences_are_of_the_runs_on_screen(link):
    app = open_page("weight_decay", tab="Code", **link)
    optimiser, lambd, at = setting_of(link)
    (w, b), (w0, b0) = by_torch("SGD" if optimiser == "SGD" else "AdamW", lambd, at), by_torch(optimiser, 0.0, at)
    assert held(app, "norms")[:, -1].tolist() == pytest.approx([w0.norm().item(), w.norm().item()])
    ends = [loss_in_test(w0, b0, at), loss_in_test(w, b, at)]
    assert held(app, "losses")[:, 1, -1].tolist() == pytest.approx(ends)
    assert says(app, *ends, w.norm().item(), w0.norm().item())
    assert says(app, runs.minimum(lambd, at).test) == (optimiser == "SGD")


def test_the_histograms_count_the_weights():
    alt, ridges = next((a, s) for a, s in charts(open_page("weight_decay", tab="Code")).items() if "deviation" in a)
    ticks = ridges["layout"]["yaxis"]["ticktext"]
    assert (ticks[0][-2:], ticks[-1][-2:]) == (" 0", "40")
    w, _ = by_torch("SGD", 3.0)
    assert alt.endswith(f"{w.std().item():.3g}")


def test_a_step_is_one_in_all_pictures():
    app = open_page("weight_decay", lambd="2", epochs="20", tab="Code")
    shown = boards(app)["board"]
    found = partners(shown, "norms", (1, 20))
    assert found["losses"] == {(1, 0, 20), (1, 1, 20)}
    steps = [int(note.split(":")[0].split()[1]) for note in panels(app)["weights"].cells.notes]
    assert found["weights"] == {(steps.index(20),)}
    assert partners(shown, "weights", (1,))["norms"] == {(0, steps[1]), (1, steps[1])}
    for name in ("losses", "norms"):
        assert [y for _, y in panels(app)[name].cells.spots] == pytest.approx(held(app, name).flatten().tolist())


def test_without_decay_one_run_is_drawn():
    app = open_page("weight_decay", lambd="0")
    assert held(app, "norms").shape == (1, 41)
    assert says(app, runs.run("SGD", 0.0, setting_of({})[2]).last.test_loss)


@pytest.mark.parametrize("lambd", ["0", "3"])
def test_a_run_that_diverges_says_which_bound_it_has_crossed(lambd):
    app = open_page("weight_decay", n_train="5", lr="0.1", lambd=lambd, tab="All λ")
    _, λ, at = setting_of({"n_train": "5", "lr": "0.1", "lambd": lambd})
    assert says(app, runs.stable_rate(λ, at), runs.stable_rate(0.0, at), runs.run("SGD", 0.0, at).last.epoch)
    spots = panels(app)["losses"].cells.spots
    assert all(spot is None or math.isfinite(spot[1]) for spot in spots)
    sound_rate = open_page("weight_decay", lambd=lambd, tab="Code")
    assert not says(sound_rate, runs.stable_rate(λ, setting_of({})[2]))


# ---- the parts below -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("title", TRIES)
def test_a_link_to_try_is_found_again_by_what_the_page_stands_at(title):
    app = open_page("weight_decay", **({"tab": "Code"} | TRIES[title]))
    pills = next(group for group in app.button_group if group.label == "Try")
    assert pills.options[pills.value] == title


def test_what_the_links_to_try_promise_is_there():
    none, enough, large, adam, best = (runs.outcome(*setting_of(link)) for link in TRIES.values())
    assert none.without.last.train_loss < 1e-4 < 1 < none.without.last.test_loss
    assert enough.within.last.train_loss > enough.without.last.train_loss
    assert enough.within.last.test_loss > enough.without.last.test_loss
    assert enough.within.last.weight_norm < enough.within.setting.true_norm
    assert large.within.diverged
    assert large.without.diverged
    assert large.bound < large.bound_without
    assert runs.two_weights((100.0, 0.01), adam.within.lambd, adam.within.setting.lr).spared
    sweep = runs.sweep("SGD", best.within.setting)
    assert sweep.test_best == max(SWEPT)
    assert max(sweep.minimum[1:]) < 1.05 * min(sweep.minimum[1:])


def test_where_the_penalty_goes():
    text = words(open_page("weight_decay", tab="Loss or optimiser"))
    rows = {row.split("|")[1].strip(): float(row.split("|")[-2].strip(" *")) for row in text.splitlines() if "|" in row
            and "**" in row}  # fmt: skip
    for name, place in runs.places(3.0, setting_of({})[2]).items():
        assert rows[name] == pytest.approx(place.apart, rel=0.01, abs=1e-9)


@pytest.mark.parametrize(
    ("lambd", "large", "small"), [("1", "100.0", "0.01"), ("0", "10.0", "0.1"), ("3", "1.0", "1.0")]
)
def test_the_two_weights_of_adam(lambd, large, small):
    app = open_page("weight_decay", tab="Adam and AdamW", lambd=lambd, large=large, small=small)
    found = runs.two_weights((float(large), float(small)), float(lambd), 0.03)
    assert says(app, *found.adam[-1].tolist(), *found.adamw[-1].tolist(), found.alone)


@pytest.mark.parametrize("link", [{}, {"optimiser": "Adam"}, {"lr": "0.1"}, {"lr": "0.1", "n_train": "5"}])
def test_all_lambdas(link):
    app = open_page("weight_decay", tab="All λ", **link)
    found = runs.sweep(*setting_of(link)[::2])
    torch.testing.assert_close(
        held(app, "sweep")[1], torch.tensor(found.test, dtype=torch.float64), equal_nan=True, check_dtype=False
    )
    assert len(held(app, "sweep")) == (3 if found.minimum else 2)
    if len(found.diverged) < len(SWEPT):
        assert says(app, found.smallest)
    if found.minimum:
        assert says(app, found.smallest_minimum)


@pytest.mark.parametrize("lambd", ["3", "0"])
def test_pitfalls_say_what_their_runs_find(lambd):
    app = open_page("weight_decay", lambd=lambd)
    at = setting_of({})[2]
    last = runs.run(DECAYED["SGD"], float(lambd), at).last
    formula = runs.formula_and_code(last.w, float(lambd), at)
    assert says(app, formula.formula, formula.code, formula.of_code.norm, formula.of_formula.norm)
    assert says(app, runs.counted(last, float(lambd), at).times)
    assert runs.first_step(last.w).error in words(app)
    assert says(app, runs.adam_is_not_adamw(float(lambd), at).from_adamw, runs.biases(float(lambd), 0.03).together)


@pytest.mark.parametrize("tab", ["Loss or optimiser", "Adam and AdamW", "All λ", "Pitfalls", "Predict", "Take away"])
def test_extremes_open_every_tab(tab):
    open_page("weight_decay", tab=tab, optimiser="Adam", inputs="10", n_train="200", lr="0.003", epochs="1")
    open_page("weight_decay", tab=tab, n_train="5", lr="0.1", lambd="10")


def test_questions_are_answered_by_torch_and_take_no_near_miss():
    app = open_page("weight_decay", tab="Predict")
    texts = " ".join(str(m.value) for m in app.markdown)
    steps, lr = re.search(r"what do (\d+) steps of SGD with lr = ([\d.]+)", texts).groups()
    w = torch.ones(1, requires_grad=True)
    optimiser = torch.optim.SGD([w], lr=float(lr), weight_decay=3.0)
    for _ in range(int(steps)):
        w.grad = torch.zeros(1)
        optimiser.step()
    found = re.search(r"w = (\[.*?\]), λ = 2, n = (\d+)", texts)
    squares = sum(x * x for x in json.loads(found[1]))
    zeros = int(re.search(r"holds (\d+) zeros", texts)[1])
    right = {0: f"{w.item():.4g}", 1: f"{squares / int(found[2]):g} {squares:g}", 3: str(3 * zeros)}
    wrong = {0: f"{w.item() * 1.01:.4g}", 1: f"{squares / int(found[2]):g} {squares + 1:g}", 3: str(3 * zeros + 1)}
    for answers, count in ((wrong, 0), (right, 3)):
        app = open_page("weight_decay", tab="Predict")
        for number, given in answers.items():
            app.text_input(key=f"answer weight_decay {number} 0 given").set_value(given)
            sound([b for b in app.button if b.label == "Commit"][number].click().run())
        assert len(app.success) == count


def test_the_script_ends_on_the_weights_on_screen(tmp_path):
    out, said = ran_alone(open_page("weight_decay", tab="Take away", optimiser="Adam"), tmp_path)
    torch.testing.assert_close(out["w"], by_torch("AdamW", 3.0)[0], rtol=1e-9, atol=1e-12)
    assert "!= torch" not in said


def test_a_clicked_lambda_is_taken():
    app = open_page("weight_decay", tab="All λ")
    assert set(panels(app)["sweep"].picks) == {str(lambd) for lambd in SWEPT}
    sound(control(app, "lambd").set_value(10.0).run())
    assert settings(app)["lambd"].value == 10


def test_a_rerun_is_small():
    assert sum(len(json.dumps(spec)) for spec in charts(open_page("weight_decay")).values()) < 150_000
