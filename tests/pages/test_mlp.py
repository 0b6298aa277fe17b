"""The MLP page against torch: the network on screen, its training beside torch.nn's, and what stops and resumes it."""

import base64
import random
import re
import threading
import time
from dataclasses import replace

import pytest
import torch
from torch import nn

from core import words as sentences
from core.data import mnist
from core.experiments import mlp
from core.experiments import mlp_lesson as runs
from core.experiments.mlp_lesson import Seen
from core.figures.board import packed
from core.figures.mlp import short
from core.timing.job import Job
from core.timing.queue import QUEUE
from core.ui import drawing, share, training
from core.ui.training import Setup
from pages.mlp_parts import beliefs
from tests.experiments.test_mlp_lesson import IMAGES, NETS
from tests.linking import partners
from tests.pages.opening import boards, charts, control, held, kept, open_page, panels, ran_alone, sound, words

SMALL = {"train": "500", "epochs": "2", "batch_size": "64"}  # 16 steps


def button(app, label):
    return next(b for b in app.button if b.label == label)


def labels(app):
    return [b.label for b in app.button]


def poll(app, until, timeout=60.0):
    """Look at the page again and again, as the browser does, until it shows what is waited for."""
    end = time.monotonic() + timeout
    while not until(app):
        assert time.monotonic() < end, words(app)
        time.sleep(0.1)
        sound(app.run())
    return app


def trained(**parameters):
    app = open_page("mlp", **parameters)
    sound(button(app, "Train").click().run())
    return poll(app, lambda app: "Train again" in labels(app))


def drawn(app, start):
    return next(spec for alt, spec in charts(app).items() if alt.startswith(start))


def said_numbers(text):
    """All numbers that stand in a text."""
    return [float(n.replace("−", "-")) for n in re.findall(r"[−-]?\d+(?:\.\d+)?(?:e-?\d+)?", text)]


def agrees(app):
    """Whether the check's badge is green."""
    return any(":green-badge[" in m.value and "check" in m.value for m in app.markdown)


def verdict(app):
    """The words of the first board: what the network says of the image."""
    return " ".join(part["words"] for part in boards(app)["network"].flow if "words" in part)


def image(i):
    return mnist().test_images[i].float() / 255, int(mnist().test_labels[i])


def module(seed=0, std=0.01):
    """The tutorial's network in torch.nn, drawn as the page says."""
    generator = torch.Generator().manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    with torch.no_grad():
        for layer in (net[1], net[3]):
            drawn = torch.empty(layer.in_features, layer.out_features)  # the page draws a weight that stands as X·W
            layer.weight.copy_(drawn.T.normal_(0, std, generator=generator))
            layer.bias.zero_()
    return net


def values(trace):
    """A trace's y, whether it travels as numbers or as bytes."""
    y = trace["y"]
    if isinstance(y, dict):
        return torch.frombuffer(bytearray(base64.b64decode(y["bdata"])), dtype=torch.float64).tolist()
    return y


# ---- before training -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("i", "seed"), [(0, 0), (1999, 7)])
def test_the_untrained_network_says_what_torchs_says(i, seed):
    app = open_page("mlp", image=str(i), seed=str(seed))
    x, label = image(i)
    logits = module(seed)(x[None])[0]
    p = logits.softmax(0)
    predicted = int(p.argmax())
    loss = nn.functional.cross_entropy(logits[None], torch.tensor([label])).item()
    assert said_numbers(verdict(app)) == pytest.approx([predicted, p[predicted].item(), loss], rel=5e-3)
    torch.testing.assert_close(held(app, "logits"), logits.detach(), atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(held(app, "p"), p.detach())
    assert agrees(app)


def test_the_picked_units_weights_are_shown():
    app = open_page("mlp", unit="3,5")
    net = module()
    torch.testing.assert_close(held(app, "W1"), net[1].weight[53].detach().view(28, 28))
    assert boards(app)["network"].pinned == ("hidden", (3, 5))
    x, _ = image(0)
    pre = net[1](x.flatten())
    assert [float(note) for note in panels(app)["hidden"].cells.notes] == pytest.approx(pre.tolist(), rel=1e-3)
    torch.testing.assert_close(held(app, "hidden"), pre.relu().view(16, 16).detach(), atol=1e-6, rtol=1e-4)


def test_the_first_unit_shown_is_the_strongest():
    x, _ = image(0)
    net = module()
    hidden = net[2](net[1](x.flatten()))
    strongest = int((hidden * net[3].weight[net(x[None]).argmax()]).argmax())
    assert boards(open_page("mlp"))["network"].pinned == ("hidden", divmod(strongest, 16))


def test_a_unit_lights_its_weights_and_a_class_its_own():
    app = open_page("mlp")
    board, W2 = boards(app)["network"], held(app, "W2")
    torch.testing.assert_close(W2, module()[3].weight.detach().view(10, 16, 16))
    assert partners(board, "hidden", (5, 6))["W2"] == {(c, 5, 6) for c in range(10)}
    of_class = partners(board, "p", (3,))
    assert of_class["W2"] == {(3, r, s) for r in range(16) for s in range(16)}
    assert of_class["logits"] == {(3,)}
    assert partners(board, "W2", (3, 5, 6)) | {"x": set(), "W1": set()} == {
        "x": set(), "W1": set(), "hidden": {(5, 6)}, "W2": {(3, 5, 6)}, "logits": {(3,)}, "p": {(3,)},
    }  # fmt: skip
    assert partners(board, "x", (9, 20))["W1"] == {(9, 20)}


def test_the_sum_of_a_logit_is_the_logit():
    app = open_page("mlp", scheme="kaiming normal")
    board, hidden, W2 = boards(app)["network"], held(app, "hidden"), held(app, "W2")
    for c in range(10):
        weights = partners(board, "logits", (c,))["W2"]
        assert len(weights) == 256
        total = sum(hidden[w[1:]].item() * W2[w].item() for w in weights)
        sign, bias = panels(app)["logits"].cells.notes[c].split()
        total += float(bias) * (-1 if sign == "−" else 1)
        assert held(app, "logits")[c].item() == pytest.approx(total, abs=1e-4)


def test_the_strongest_units_hang_together_with_their_rows():
    app = open_page("mlp", tab="First layer")
    board = boards(app)["first layer"]
    found = partners(board, "units", (4,))
    assert found["unit"] == {(4, 0)}
    assert found["weights"] == {(4, c) for c in range(10)}
    unit = int(panels(app)["units"].cells.notes[4].split()[1])
    assert panels(app)["units"].picks[4] == f"{unit // 16}, {unit % 16}"
    torch.testing.assert_close(held(app, "weights")[4], module()[3].weight[:, unit].detach())


@pytest.mark.parametrize("scheme", ["zeros", "normal 1"])
def test_every_start_shows_its_network_and_its_numbers(scheme):
    app = open_page("mlp", scheme=scheme, tab="Starts")
    assert agrees(app)
    table = next(m.value for m in app.markdown if "|:--|" in m.value)
    (row,) = (line for line in table.splitlines() if line.startswith(f"| {scheme} |"))
    found = runs.facts_of_start(0, scheme)
    assert said_numbers(row.split("|", 2)[2]) == pytest.approx(
        [found.W1, found.W2, found.pre, found.logits, found.loss, found.gradient1, found.gradient2], rel=6e-3
    )


def test_the_backward_tab_is_autograds():
    app = open_page("mlp", tab="Backward", unit="7,7")
    x, label = image(0)
    net = module()
    hidden = net[2](net[1](x.flatten()[None]))
    logits = net[3](hidden)
    loss = nn.functional.cross_entropy(logits, torch.tensor([label]))
    (d_logits, d_hidden, d_weight) = torch.autograd.grad(loss, (logits, hidden, net[1].weight))
    torch.testing.assert_close(held(app, "dlogits"), d_logits[0], atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(held(app, "dhidden"), d_hidden.view(16, 16), atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(held(app, "dW1"), d_weight[119].view(28, 28), atol=1e-6, rtol=1e-4)
    numbers = said_numbers(app.markdown[-1].value)
    assert d_hidden[0, 119].item() in [pytest.approx(n, rel=6e-3) for n in numbers]
    assert 119 in numbers


def test_mistakes_are_shown():
    app = open_page("mlp", tab="Mistakes", scheme="normal 0.01")
    found = runs.mistakes(runs.start_of(0, "normal 0.01"))
    assert said_numbers(app.markdown[-1].value)[:2] == [found.count, 2000]
    assert panels(app)["mistakes"].picks == [str(i) for i in found.wrong[:24]]


# ---- training --------------------------------------------------------------------------------------------------


def torch_alone(lr=0.5, batch_size=64, epochs=2, samples=500):
    """The training by torch alone: losses and the accuracy on the test images."""
    net, data = module(), mlp.digits(samples)
    settings = mlp.Settings(lr, batch_size, epochs)
    optimiser = torch.optim.SGD(net.parameters(), lr=lr)
    losses = []
    for batch in mlp.batches(samples, settings):
        loss = nn.functional.cross_entropy(net(data.X[batch]), data.y[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses, (net(data.X_test).argmax(1) == data.y_test).double().mean().item()


def test_training_gives_torchs_curve_and_accuracy():
    app = trained(**SMALL)
    losses, accuracy = torch_alone()
    by_hand, of_torch = drawn(app, "Loss of 16 steps")["data"]
    assert values(by_hand) == pytest.approx(losses, abs=1e-3)
    assert values(of_torch) == pytest.approx(losses, abs=1e-3)
    run = app.session_state[training.RUNS][Setup("normal 0.01", 0.5, 64, 2, 500, 0)]
    assert [b for _, b in run.losses] == pytest.approx(losses, abs=1e-5)
    assert max(abs(a - b) for a, b in run.losses) < 1e-5
    equal = next(m.value for m in app.markdown if m.value.count(f"**{accuracy:.4g}**") == 2)
    assert said_numbers(equal)[0] == 16
    assert any(said_numbers(m.value) == [16, 16] for m in app.markdown)


def test_the_network_on_screen_is_the_trained_one_and_each_set_up_keeps_its_own():
    app = trained(**SMALL)
    net = app.session_state[training.RUNS][Setup("normal 0.01", 0.5, 64, 2, 500, 0)].ours
    x, _ = image(0)
    p = mlp.forward(net, x[None]).logits.softmax(1)
    said = verdict(app)
    assert said_numbers(said)[:2] == pytest.approx([int(p.argmax()), p.max().item()], rel=5e-3)
    sound(control(app, "scheme").set_value("kaiming normal").run())
    assert verdict(app) != said
    assert "Train" in labels(app)
    sound(button(app, "Train").click().run())
    poll(app, lambda app: "Train again" in labels(app))
    assert len(app.session_state[training.RUNS]) == 2
    sound(control(app, "scheme").set_value("normal 0.01").run())
    assert verdict(app) == said


def test_starts_lays_the_trainings_over_each_other():
    app = trained(**SMALL, tab="Starts")
    sound(control(app, "scheme").set_value("kaiming normal").run())
    sound(button(app, "Train").click().run())
    poll(app, lambda app: "Train again" in labels(app))
    lines = drawn(app, "Test accuracy at the end")["data"]
    assert [line["name"].split(",")[0] for line in lines] == ["normal 0.01", "kaiming normal"]


@pytest.fixture
def gate(monkeypatch):
    """Training that takes a step only when the gate lets one through."""
    lets = threading.Semaphore(0)
    pairs = training.pairs

    def gated(run, stop):
        for pair in pairs(run, stop):
            yield pair
            while not stop() and not lets.acquire(timeout=0.01):
                pass

    monkeypatch.setattr(training, "pairs", gated)
    return lets


def test_stopped_and_continued_it_ends_where_the_whole_run_ends(gate):
    app = open_page("mlp", **SMALL)
    sound(button(app, "Train").click().run())
    for _ in range(5):
        gate.release()
    run = next(iter(app.session_state[training.RUNS].values()))
    poll(app, lambda app: run.step >= 6)
    sound(button(app, "Stop").click().run())
    poll(app, lambda app: "Continue" in labels(app))
    stopped = run.step
    assert 6 <= stopped < 16
    assert any(said_numbers(m.value) == [stopped, 16] for m in app.markdown)
    for _ in range(20):
        gate.release()
    sound(button(app, "Continue").click().run())
    poll(app, lambda app: "Train again" in labels(app))
    losses, _ = torch_alone()
    assert [b for _, b in run.losses] == pytest.approx(losses, abs=1e-5)
    assert len(run.losses) == 16


def test_a_training_waits_for_its_turn_and_can_leave_the_queue():
    holder = QUEUE.join()
    with QUEUE.turn(holder):
        app = open_page("mlp", **SMALL)
        sound(button(app, "Train").click().run())
        assert any("1 before you" in bar.proto.text for bar in app.get("progress"))
        sound(control(app, "image").set_value(5).run())
        sound(button(app, "Stop").click().run())
        poll(app, lambda app: "Train" in labels(app))
    assert all(run.job is None and not run.losses for run in app.session_state[training.RUNS].values())


def test_a_failure_is_said(monkeypatch):
    def broken(run, stop):
        raise RuntimeError("out of `luck`")
        yield

    monkeypatch.setattr(training, "pairs", broken)
    app = open_page("mlp", **SMALL)
    sound(button(app, "Train").click().run())
    poll(app, lambda app: any("out of luck" in e.value for e in app.error))
    assert "Train" in labels(app)


def test_time_is_bounded(monkeypatch):
    monkeypatch.setattr(training, "BUDGET_S", -1.0)
    run = training.fresh(Setup("normal 0.01", 0.5, 64, 2, 500, 0))
    job = Job(lambda stop: training.pairs(run, stop))
    assert job.wait(60)
    assert (run.step, job.state().phase) == (1, "done")


def test_a_session_keeps_the_newest_trainings(monkeypatch):
    monkeypatch.setattr(training, "KEPT", 2)
    app = open_page("mlp", train="500", epochs="1", batch_size="512")
    for seed in range(3):
        sound(control(app, "seed").set_value(seed).run())
        sound(button(app, "Train").click().run())
        poll(app, lambda app: "Train again" in labels(app))
    assert [setup.seed for setup in app.session_state[training.RUNS]] == [1, 2]


# ---- the reader's own digit ------------------------------------------------------------------------------------


def test_an_own_digit_is_centred_as_mnists_were():
    x, _ = image(0)
    shifted = torch.roll(x, (3, -4), (0, 1))
    spelt = str((shifted * 255).long().tolist())
    app = open_page("mlp", x_from="typed or pasted", x=spelt)
    p = module()(x[None]).softmax(1)
    assert said_numbers(verdict(app)) == pytest.approx([int(p.argmax()), p.max().item()], rel=5e-3)
    assert control(app, "centre").value is True
    sound(control(app, "centre").set_value(False).run())
    off = module()(shifted[None]).softmax(1)
    assert said_numbers(verdict(app)) == pytest.approx([int(off.argmax()), off.max().item()], rel=5e-3)
    converted = next(m.value for m in app.markdown if "int64" in m.value)
    assert {255, 28} <= set(said_numbers(converted))


def test_a_drawing_is_read_from_784_bytes_and_nothing_else():
    raw = bytes(range(256)) * 3 + bytes(16)
    assert drawing.read(base64.b64encode(raw).decode()).flatten().tolist() == list(raw)
    for bad in (None, 7, "", "%%", base64.b64encode(raw[:-1]).decode(), "ä"):
        assert drawing.read(bad) is None


@pytest.mark.parametrize(
    ("own", "tab"), [("[[1]]", "Backward"), ("[[0, 300], [-1, 0]]", "Mistakes"), ("nan", "Take away")]
)
def test_any_own_image_opens_a_tab(own, tab):
    app = open_page("mlp", x_from="typed", x=own, tab=tab)
    assert len(said_numbers(verdict(app))) == (3 if own == "nan" else 2)  # nan is refused: the example keeps its label
    assert any("float32" in m.value for m in app.markdown) == (own != "nan")  # nothing of the example is converted


# ---- tabs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_every_pitfall_finds_its_words(net):
    for pitfall in beliefs.pitfalls(Seen(net, *IMAGES["a test image"], 0), 0, 0.5):
        facts = pitfall.run()
        says = sentences.say(pitfall.says if isinstance(pitfall.says, str) else pitfall.says(facts), facts)
        assert not re.search(r"[{}]|None|-0\.0\b", says), says


def test_the_pitfalls_turn_with_their_facts():
    found = runs.small_start(0, 0.5)
    turned = replace(found, after_small=found.after_kaiming, after_kaiming=found.after_small)
    assert beliefs.says_small(found) != beliefs.says_small(turned)
    kinds = {beliefs.says_accumulated(runs.Accumulated(once, 2 * once)) for once in (1.0, 0.0, float("nan"))}
    assert len(kinds) == 3


def test_pitfalls_show_their_numbers_on_the_page():
    said = words(open_page("mlp", scheme="kaiming normal"))
    once = runs.adds_up(runs.start_of(0, "kaiming normal"))
    assert f"**{once.twice:.4g}**" in said
    assert runs.viewed().refusal in said
    assert runs.float64_weights(runs.start_of(0, "zeros")).refusal in said


def answer(app, number, given):
    app.text_input(key=f"answer mlp {number} 0 given").set_value(given)
    commits = [b for b in app.button if b.label == "Commit"]
    return sound(commits[number].click().run())


def test_questions_are_answered_by_torch():
    app = open_page("mlp", tab="Predict")
    asks = [m.value for m in app.markdown if m.value.startswith("**") and m.value.endswith("?**")]
    hidden = int(said_numbers(asks[0])[0])
    net = nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, 10))
    answer(app, 0, str(sum(p.numel() for p in net.parameters())))
    answer(app, 1, "2.303")
    epochs, samples, size = (int(n) for n in said_numbers(asks[2]))
    assert (epochs, samples) == (8, 8000)
    assert size != 128
    answer(app, 2, str(epochs * -(-samples // size)))
    x, _ = image(0)
    own = module()
    own[3](own[2](own[1](x.flatten()[None]))).sum().backward()
    answer(app, 3, str(int((own[3].weight.grad[int(said_numbers(asks[3])[1])] == 0).sum())))
    c = int(said_numbers(asks[4])[0])
    answer(app, 4, f"{module()(x[None]).softmax(1)[0, c].item() - 1:.4g}")
    assert len(app.success) == 5


def test_a_count_that_is_off_by_one_is_wrong():
    setup = Setup("normal 0.01", 0.5, 128, 8, 8000, 0)
    seen = Seen(runs.start_of(0, "normal 0.01"), *IMAGES["a test image"], 0)
    for number in (0, 2, 3):
        question = beliefs.questions(seen, setup, (32, 64))[number](random.Random(0))
        assert question.accepts(question.answer)
        assert not question.accepts(str(int(question.answer) + 1))


def test_the_script_gives_what_is_on_screen_and_the_first_loss_of_the_training(tmp_path):
    app = open_page("mlp", tab="Take away", **SMALL)
    out, said = ran_alone(app, tmp_path)
    losses, _ = torch_alone()
    assert out["first_loss"].item() == pytest.approx(losses[0], abs=1e-6)
    assert out["second_loss"] < out["first_loss"]
    assert torch.equal(out["logits"], held(app, "logits"))
    assert "!= torch" not in said


def test_after_training_the_script_and_share_speak_of_the_network_on_screen(tmp_path):
    app = trained(**SMALL, tab="Take away", unit="3,5")
    out, said = ran_alone(app, tmp_path)
    assert torch.equal(out["logits"], held(app, "logits"))
    torch.testing.assert_close(out["p"], held(app, "p"))
    assert out["unit"].item() == pytest.approx(held(app, "hidden")[3, 5].item(), abs=1e-5)
    assert "!= torch" not in said
    assert kept(app).own[share.STAYS]
    sound(control(app, "seed").set_value(1).run())
    assert not kept(app).own[share.STAYS]


LINKS = {
    "All weights zero": {"scheme": "zeros"},
    "A start too large": {"scheme": "normal 1"},
    "Kaiming's start": {"scheme": "kaiming normal"},
    "Few images, many epochs": {"epochs": "20", "train": "500"},
}


def test_the_page_knows_the_links_to_try_when_it_stands_at_one():
    for number, link in enumerate(LINKS.values()):
        app = open_page("mlp", tab="Walk through", **link)
        (pills,) = app.pills
        assert list(pills.options) == list(LINKS)
        assert pills.value == number


def test_what_is_said_of_the_links_to_try_is_so():
    x, label = image(0)
    zero, large, small, kaiming = (
        runs.start_of(0, scheme) for scheme in ("zeros", "normal 1", "normal 0.01", "kaiming normal")
    )
    seen = Seen(zero, x, label, 0)
    assert not seen.forward.hidden.any()
    assert seen.probabilities.tolist() == pytest.approx([0.1] * 10)
    *_, end = mlp.train(zero, mlp.digits(8000), mlp.Settings(evaluate_every=0, epochs=1))
    assert not any(p.any() for p in end.parameters.tensors()[:3])
    seen = Seen(large, x, label, 0)
    assert seen.forward.logits.abs().max() > 100
    assert seen.probabilities.max() > 0.99
    assert (kaiming.W1.std() / small.W1.std()).item() == pytest.approx(5, abs=0.3)
    assert (kaiming.W2.std() / small.W2.std()).item() == pytest.approx(9, abs=0.5)
    *_, end = mlp.train(small, mlp.digits(500), mlp.Settings(epochs=20))
    assert end.train_accuracy > 0.97
    assert end.test_accuracy < 0.85


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, ".01"), (-0.318, "-.32"), (0.001, ".00"), (-0.001, ".00"), (0.999, "1.00"), (4.71, "4.71"),
     (-12.3, "-12"), (155.2, "155"), (0, "0"), (float("nan"), "nan"), (1.0, "1.00")],
)  # fmt: skip
def test_numbers_of_a_small_cell_are_short(value, text):
    assert short(value) == text


def test_a_rerun_is_small():
    app = trained(**SMALL)
    assert sum(len(packed(board)) for board in boards(app).values()) < 200_000
