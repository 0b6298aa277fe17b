"""The accuracy page counts as torch does, on a model trained for the settings in the link."""

import json

import pytest
import torch

from core.data import mnist
from core.experiments.softmax_regression import logits, train
from tests.linking import partners
from tests.pages.opening import boards, charts, control, held, open_page, panels, ran_alone, sound, words


def scores(n=500, epochs=2, samples=8000, lr=0.2, seed=0):
    data = mnist()
    X, y = data.train_images[:samples].float() / 255, data.train_labels[:samples].long()
    *_, model = train(X, y, epochs=epochs, lr=lr, seed=seed)
    return logits(model, data.test_images[:n].float() / 255), data.test_labels[:n].long()


def topk(s, y, k=1):
    return (s.topk(k, 1).indices == y[:, None]).any(1).float()


def drawn(app, start):
    return next(spec for alt, spec in charts(app).items() if alt.startswith(start))


@pytest.mark.parametrize(("n", "batch_size", "k"), [("500", "128", 1), ("20", "16", 3), ("1000", "500", 10)])
def test_right_over_all_is_torchs_share(n, batch_size, k):
    app = open_page("accuracy", N=n, batch_size=batch_size, topk=str(k))
    right = topk(*scores(int(n)), k)
    assert f"= {int(right.sum())} / {n} = **{right.mean().item():.4g}**" in words(app)
    assert "manual accuracy agrees with torch" in words(app)
    each = " + ".join(str(int(part.sum())) for part in right.split(int(batch_size)))
    assert f"({each}) / (" in words(app)


@pytest.mark.parametrize(("epochs", "train", "lr"), [("0", "50", "0.01"), ("10", "200", "1")])
def test_the_model_is_the_one_that_the_controls_ask_for(epochs, train, lr):
    app = open_page("accuracy", epochs=epochs, train=train, lr=lr, seed="3")
    right = topk(*scores(500, int(epochs), int(train), float(lr), 3))
    assert f"**{right.mean().item():.4g}**" in words(app)


def test_the_matrix_counts_who_is_taken_for_whom_and_shows_the_images():
    app = open_page("accuracy", cell="4,9")
    s, y = scores()
    expected = torch.zeros(10, 10, dtype=torch.long).index_put((y, s.argmax(1)), torch.tensor(1), accumulate=True)
    texts = drawn(app, "true class ↓")["data"][0]["text"]
    assert [[int(t or 0) for t in row] for row in texts] == expected.tolist()
    inside = ((y == 4) & (s.argmax(1) == 9)).nonzero().flatten().tolist()
    shown = panels(app)
    assert shown["images"].picks == [str(i) for i in inside]
    assert shown["images"].cells.notes[0].startswith(f"Image {inside[0]}: true class **4**, predicted **9**")
    for n in range(len(inside)):
        assert partners(boards(app)["board"], "images", (n,))["confusion"] == {(4, 9)}
        assert partners(boards(app)["board"], "images", (n,))["ranks"] == {(n, r) for r in range(1, 11)}
    assert partners(boards(app)["board"], "confusion", (4, 9))["images"] == {(n,) for n in range(len(inside))}
    assert partners(boards(app)["board"], "confusion", (4, 4))["images"] == set()


def test_the_ranks_are_topks():
    app = open_page("accuracy", cell="4,9")
    s, _ = scores()
    shown = [int(i) for i in panels(app)["images"].picks]
    best = s[shown].topk(10, 1).indices
    assert panels(app)["ranks"].cells.texts == [str(c) for c in best.flatten().tolist()]
    torch.testing.assert_close(held(app, "ranks"), s[shown].softmax(1).sort(1, descending=True).values)


def test_the_first_cell_is_the_most_frequent_mistake():
    s, y = scores()
    wrong = [(int(a), int(b)) for a, b in zip(y, s.argmax(1), strict=True) if a != b]
    most = max(wrong.count(pair) for pair in wrong)
    app = open_page("accuracy")
    (pair,) = partners(boards(app)["board"], "images", (0,))["confusion"]
    assert len(panels(app)["images"].picks) == wrong.count(pair) == most


def test_a_picked_image_shows_its_place():
    s, y = scores()
    app = open_page("accuracy", image="77")
    place = int((s[77] > s[77, y[77]]).sum()) + 1
    at = panels(app)["images"].picks.index("77")
    assert boards(app)["board"].pinned == ("images", (at,))
    said = panels(app)["images"].cells.notes[at]
    assert said.startswith(f"Image 77: true class **{int(y[77])}**, predicted **{int(s[77].argmax())}**")
    assert f"place **{place}**" in said
    assert panels(app)["ranks"].cells.texts[10 * at + place - 1] == str(int(y[77]))
    empty = open_page("accuracy", cell="0,1", image="77", N="20")
    assert "confusion" in panels(empty)
    assert "images" not in panels(empty)


def test_an_image_far_down_a_full_cell_is_among_those_shown():
    s, y = scores()
    last = int(((y == 1) & (s.argmax(1) == 1)).nonzero()[-1])
    app = open_page("accuracy", cell="1,1", image=str(last))
    assert panels(app)["images"].picks[-1] == str(last)
    assert len(panels(app)["images"].picks) == 10


def test_the_k_best_speak_of_the_diagonal():
    s, y = scores()
    assert f"{int(topk(s, y).sum())} on its diagonal" in words(open_page("accuracy", topk="10"))


def test_the_mean_of_the_batches_is_not_the_accuracy():
    app = open_page("accuracy")
    right = topk(*scores())
    mean = torch.stack([part.mean() for part in right.split(128)]).mean().item()
    assert f"mean **{mean:.6g}**, right over all **{right.mean().item():.6g}**" in words(app)
    names = [line["name"] for line in drawn(app, "Accuracy of 4 batches")["data"]]
    assert f"mean of the batches: {mean:.5g}" in names


def test_pitfalls_run_the_tutorials_loop():
    said = words(open_page("accuracy"))
    s, y = scores()
    first = s[:128].argmax(1)
    theirs = sum(int((first == part).sum()) for part in y[:384].split(128)) / 384
    assert f"it says **{theirs:.4g}**" in said
    assert "it breaks: “The size of tensor a (128) must match the size of tensor b (116)" in said
    assert f"First batch: **{topk(s[:128], y[:128]).mean().item() / 128:.3g}**" in said


def test_the_tabs_of_the_page():
    s, y = scores()
    app = open_page("accuracy", tab="k best and classes")
    among = [topk(s, y, k).mean().item() for k in range(1, 11)]
    drawn_ys = drawn(app, "Accuracy among the k best")["data"][0]["y"]
    assert "bdata" in drawn_ys or drawn_ys == pytest.approx(among, abs=1e-3)
    recall = torch.stack([topk(s[y == c], y[y == c]).mean() for c in range(10)])
    assert f"class **{int(recall.argmin())}** with {recall.min().item():.3g}" in words(app)
    data = mnist()
    said = words(open_page("accuracy", tab="Training"))
    whole, labels = scores(2000, 10)
    assert f"**{topk(whole, labels).mean().item():.4g}** of the test images" in said
    assert len(data.test_labels) == 2000


@pytest.mark.parametrize("tab", ["Pitfalls", "Walk through", "Predict", "Take away", "k best and classes"])
@pytest.mark.parametrize("few", [{"N": "20", "batch_size": "10"}, {"N": "20", "train": "50", "epochs": "0"}])
def test_few_images_open_every_tab(tab, few):
    app = open_page("accuracy", tab=tab, **few)
    assert "manual accuracy agrees with torch" in words(app)


@pytest.mark.parametrize("link", [{"cell": "10,0"}, {"image": "99999"}, {"N": "7"}, {"topk": "0"}, {"lr": "nan"}])
def test_a_hostile_link_shows_the_page(link):
    app = open_page("accuracy", **link)
    assert "442 / 500" in words(app) or "manual accuracy agrees" in words(app)


def test_controls_move_together():
    app = open_page("accuracy", image="450")
    sound(control(app, "N").set_value(100).run())
    assert "There is no cell" in words(app)


def test_questions_are_answered_by_counting():
    app = open_page("accuracy", tab="Predict")
    ask = next(m.value for m in app.markdown if "of the matrix is" in m.value)
    row = [int(n) for n in ask.split(" is ")[1].split(". Which")[0].split(",")]
    c = int(ask.split("Row ")[1].split()[0])
    app.text_input(key="answer accuracy 0 0 given").set_value(f"{row[c] / sum(row):.4g}")
    sound(app.button[[b.label for b in app.button].index("Commit")].click().run())
    assert any("Right" in message.value for message in app.success)


def test_the_script_reproduces_the_counts(tmp_path):
    app = open_page("accuracy", tab="Take away", N="100", topk="2")
    out, said = ran_alone(app, tmp_path)
    s, y = scores(100)
    assert out["share_right"].item() == pytest.approx(topk(s, y, 2).mean().item())
    assert int(out["confusion"].diagonal().sum()) == int(topk(s, y).sum())
    assert said.count("equal to torch's") == 2


def test_a_rerun_is_small():
    assert sum(len(json.dumps(spec)) for spec in charts(open_page("accuracy", cell="1,1")).values()) < 150_000
