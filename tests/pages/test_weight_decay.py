"""The weight decay page: its runs are those of torch's optimisers, and its pitfalls what torch does."""

import json
import math
import re

import pytest
import torch

from core.ops import weight_decay as ops
from tests.linking import partners
from tests.pages.opening import boards, charts, control, held, open_page, panels, ran_alone, sound, words


def by_torch(optimiser, lambd, *, in_loss=False, n=20, inputs=200, lr=0.03, steps=40, seed=0):
    """The run by torch's own optimiser: w and b at the end."""
    data = ops.make_regression(n, inputs=inputs, seed=seed)
    w = torch.randn(inputs, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()
    b = torch.zeros((), dtype=torch.float64, requires_grad=True)
    decay = 0.0 if in_loss else lambd
    groups = [{"params": [w], "weight_decay": decay}, {"params": [b], "weight_decay": 0.0}]
    made = getattr(torch.optim, optimiser)(groups, lr=lr)
    for _ in range(steps):
        made.zero_grad()
        loss = ((data.X @ w + b - data.y) ** 2 / 2).mean()
        (loss + lambd / 2 * (w**2).sum() if in_loss else loss).backward()
        made.step()
    return w.detach(), b.detach()


def loss_in_test(w, b, n=20, inputs=200, seed=0):
    data = ops.make_regression(n, inputs=inputs, seed=seed)
    return ((data.X_test @ w + b - data.y_test) ** 2 / 2).mean().item()


@pytest.mark.parametrize(("optimiser", "of_torch", "plain"), [("SGD", "SGD", "SGD"), ("Adam", "AdamW", "Adam")])
@pytest.mark.parametrize("link", [{}, {"lambd": "0.5", "n_train": "40", "inputs": "50", "epochs": "30", "seed": "3"}])
def test_both_runs_are_torchs(optimiser, of_torch, plain, link):
    app = open_page("weight_decay", optimiser=optimiser, **link)
    n, inputs = int(link.get("n_train", 20)), int(link.get("inputs", 200))
    how = {"n": n, "inputs": inputs, "steps": int(link.get("epochs", 40)), "seed": int(link.get("seed", 0))}
    at = {"n": n, "inputs": inputs, "seed": how["seed"]}
    decayed = by_torch(of_torch, float(link.get("lambd", 3)), **how)
    free = by_torch(plain, 0.0, **how)
    said = words(app)
    assert f"test loss **{loss_in_test(*decayed, **at):.3g}** against **{loss_in_test(*free, **at):.3g}**" in said
    assert f"‖w‖ ends at {decayed[0].norm().item():.3g} against {free[0].norm().item():.3g}" in said
    assert f"manual {of_torch} agrees with torch" in said


def test_the_histograms_count_the_weights():
    app = open_page("weight_decay")
    alt, ridges = next((a, s) for a, s in charts(app).items() if a.startswith("Histograms of the weights"))
    assert ridges["layout"]["yaxis"]["ticktext"][0] == "step 0"
    assert ridges["layout"]["yaxis"]["ticktext"][-1] == "step 40"
    assert [line["name"] for line in ridges["data"]] == ["λ = 0", "λ = 3"]
    w, _ = by_torch("SGD", 3.0)
    assert f"λ = 3 {w.std().item():.3g}" in alt


def test_a_step_is_one_in_all_pictures():
    app = open_page("weight_decay", lambd="2", epochs="20")
    shown = boards(app)["board"]
    w, b = by_torch("SGD", 2.0, steps=20)
    assert held(app, "norms")[1, 20].item() == pytest.approx(w.norm().item())
    assert held(app, "losses")[1, 1, 20].item() == pytest.approx(loss_in_test(w, b))
    found = partners(shown, "norms", (1, 20))
    assert found["losses"] == {(1, 0, 20), (1, 1, 20)}
    steps = [int(note.split(":")[0].split()[1]) for note in panels(app)["weights"].cells.notes]
    assert found["weights"] == {(steps.index(20),)}
    assert partners(shown, "weights", (1,))["norms"] == {(0, steps[1]), (1, steps[1])}
    for name in ("losses", "norms"):
        assert [y for _, y in panels(app)[name].cells.spots] == pytest.approx(held(app, name).flatten().tolist())


def test_a_run_that_breaks_off_has_no_points_behind_its_end():
    app = open_page("weight_decay", n_train="5", lr="0.1", epochs="40", lambd="10")
    spots = panels(app)["losses"].cells.spots
    assert all(spot is None or math.isfinite(spot[1]) for spot in spots)
    decades = (drawn := charts(app))[next(alt for alt in drawn if alt.startswith("Loss over"))]["layout"]["yaxis"]
    heights = [math.log10(spot[1]) for spot in spots if spot]
    assert (max(heights) - min(heights)) / decades["dtick"] <= 7


def test_where_the_penalty_goes():
    text = words(open_page("weight_decay", tab="Loss or optimiser"))
    rows = {row.split("|")[1].strip(): float(row.split("|")[-2].strip(" *")) for row in text.splitlines() if "|" in row
            and "**" in row}  # fmt: skip
    reference, _ = by_torch("Adam", 3.0, in_loss=True, steps=10)
    adamw, _ = by_torch("AdamW", 3.0, steps=10)
    assert max(rows["SGD, weight_decay"], rows["Adam, weight_decay"]) < 1e-9
    assert rows["AdamW, weight_decay"] == pytest.approx((adamw - reference).abs().max().item(), rel=0.01)


def test_adam_hardly_decays_where_gradients_are_large():
    text = words(open_page("weight_decay", tab="Adam and AdamW", lambd="1"))
    ends = {}
    for name in ("Adam", "AdamW"):
        w = torch.ones(2, dtype=torch.float64, requires_grad=True)
        optimiser = getattr(torch.optim, name)([w], lr=0.03, weight_decay=1.0)
        for k in range(60):
            w.grad = torch.tensor([100.0, 0.01], dtype=torch.float64) * (-1) ** k
            optimiser.step()
        ends[name] = w.detach().tolist()
    assert f"Adam leaves **{ends['Adam'][0]:.3g}** of the weight with the large" in text
    assert f"**{ends['Adam'][1]:.3g}** of the other" in text
    assert f"AdamW leaves **{ends['AdamW'][0]:.3g}** and **{ends['AdamW'][1]:.3g}**" in text


def test_all_lambdas():
    app = open_page("weight_decay", tab="All λ")
    alt = next(a for a in charts(app) if a.startswith("λ = 0: training"))
    for lambd in (0.0, 1.0, 10.0):
        w, b = by_torch("SGD", lambd, steps=30)
        assert re.search(rf"λ = {lambd:g}: training [^,]*, test {re.escape(f'{loss_in_test(w, b):.3g}')}", alt)


def test_pitfalls_run():
    said = words(open_page("weight_decay"))
    code, formula = by_torch("SGD", 3.0, in_loss=True), by_torch("SGD", 3.0 / 20, in_loss=True)
    assert f"‖w‖ = **{code[0].norm().item():.3g}** and a test loss of {loss_in_test(*code):.3g}" in said
    assert f"**{formula[0].norm().item():.3g}** and {loss_in_test(*formula):.3g}" in said
    assert "part is **20** times λ·w" in said
    assert "AttributeError “'NoneType' object has no attribute 'data'”" in said
    assert "a step takes **1e-5** of each weight" in said
    assert f"a bias of 1 becomes **{1 - 0.03 * 3:.4g}**" in said


def test_no_decay_at_all():
    said = words(open_page("weight_decay", lambd="0"))
    assert "part is **0** times λ·w" in said
    assert "agrees with torch" in said


def test_a_run_that_overflows_is_said():
    app = open_page("weight_decay", n_train="5", lr="0.1", epochs="40")
    sound(control(app, "lambd").set_value(10.0).run())
    assert "manual SGD agrees with torch" in words(app)
    assert all(spec["data"] for spec in charts(app).values())


@pytest.mark.parametrize("tab", ["Loss or optimiser", "Adam and AdamW", "All λ", "Pitfalls", "Predict", "Take away"])
@pytest.mark.parametrize(
    "link", [{"n_train": "5", "lr": "0.1", "epochs": "40", "lambd": "10"}, {"inputs": "10", "n_train": "200"}]
)
def test_extremes_open_every_tab(tab, link):
    open_page("weight_decay", tab=tab, optimiser="Adam", **link)
    open_page("weight_decay", tab=tab, **link)


def test_questions_are_answered_by_torch():
    app = open_page("weight_decay", tab="Predict")
    texts = [m.value for m in app.markdown]

    def answer(number, given):
        app.text_input(key=f"answer weight_decay {number} 0 given").set_value(given)
        sound([b for b in app.button if b.label == "Commit"][number].click().run())

    steps = int(re.search(r"what do (\d+) step", " ".join(texts))[1])
    w = torch.ones(1, requires_grad=True)
    optimiser = torch.optim.SGD([w], lr=0.03, weight_decay=3.0)
    for _ in range(steps):
        w.grad = torch.zeros(1)
        optimiser.step()
    answer(0, f"{w.item():.4g}")
    found = re.search(r"w = (\[.*?\]), λ = 2, n = (\d+)", " ".join(texts))
    squares = sum(x * x for x in json.loads(found[1]))
    answer(1, f"{squares / int(found[2]):g} {squares:g}")
    zeros = int(re.search(r"`losses` is (\d+) zeros", " ".join(texts))[1])
    answer(3, str(3 * zeros))
    assert sum("Right" in message.value for message in app.success) == 3


@pytest.mark.parametrize("optimiser", ["SGD", "Adam"])
def test_the_script_ends_on_the_weights_on_screen(optimiser, tmp_path):
    app = open_page("weight_decay", tab="Take away", optimiser=optimiser)
    out, said = ran_alone(app, tmp_path)
    w, _ = by_torch({"SGD": "SGD", "Adam": "AdamW"}[optimiser], 3.0)
    torch.testing.assert_close(out["w"], w, rtol=1e-9, atol=1e-12)
    assert "DIFFERS" not in said
    assert "w: " in said


def test_a_rerun_is_small():
    assert sum(len(json.dumps(spec)) for spec in charts(open_page("weight_decay")).values()) < 150_000
