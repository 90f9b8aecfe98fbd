"""Attributions against what they must add up to, and against hiding parts by hand."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from disgorge_core.data.preprocessing import of_words
from disgorge_core.errors import NotApplicable
from disgorge_core.models.layers import WordMean
from disgorge_core.models.prediction import logits
from disgorge_core.registry import VIEWS
from disgorge_core.types import Column, Lineage, Member, Model, Preprocessing
from tests.curvature.nets import image_model, pictures, seeded

MIXED = (Column("age"), Column("work", ("farm", "office", "sea")), Column("pay"))


def table_model(task="classification", outputs=3):
    network = seeded(
        lambda: nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, outputs))
    ).double()
    p = Preprocessing("table", np.array([40.0, 0.2, 0.5, 0.3, 3.0]), np.ones(5) / 2, MIXED)
    names = ("a", "b", "c") if task == "classification" else ()
    return Model("mixed", (Member(network, p),), names, task, Lineage("trained here"))


def people():
    work = ["sea", "farm", None, "office"]
    return pd.DataFrame(
        {"age": [39.0, 42.0, 41.5, 38.0], "work": work, "pay": [1.0, 5.0, 3.0, np.nan]}
    )


def picture_model():
    def layers():
        return [
            nn.Conv2d(2, 4, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(144, 3),
        ]

    network = seeded(lambda: nn.Sequential(*layers()))
    nn.init.normal_(network[-1].weight, 0, 0.5)
    return image_model(network, 2)


def log_odds(z, target):
    p = torch.as_tensor(z).softmax(1).numpy()[np.arange(len(z)), target]
    return np.log(p / (1 - p))


def at_mean(model, shape, target):
    with torch.no_grad():
        z = model.network.eval()(torch.zeros(1, *shape, dtype=torch.float64)).numpy()
    return log_odds(np.repeat(z, len(target), 0), target)


def test_integrated_gradients_add_up_for_pictures():
    model, (x, _) = picture_model(), pictures(5, 6, 2)
    target = np.array([0, 1, 2, 0, 1])
    found = VIEWS["integrated_gradients"](steps=300).attribute(model, x, target)
    assert found.shape == (5, 6, 6)
    wanted = log_odds(logits(model, x), target) - at_mean(model, (2, 6, 6), target)
    np.testing.assert_allclose(found.sum((1, 2)), wanted, atol=5e-3)
    assert np.abs(wanted).max() > 0.1


def test_integrated_gradients_add_up_for_tables_by_original_column():
    model, target = table_model(), np.array([0, 1, 2, 0])
    found = VIEWS["integrated_gradients"]().attribute(model, people(), target)
    assert found.shape == (4, 3)
    wanted = log_odds(logits(model, people()), target) - at_mean(model, (5,), target)
    np.testing.assert_allclose(found.sum(1), wanted, atol=1e-5)


def test_a_column_that_nothing_reads_gets_nothing():
    model = table_model()
    with torch.no_grad():
        model.network[0].weight[:, 1:4] = 0
    for name in VIEWS:
        found = VIEWS[name]().attribute(model, people(), np.zeros(4, dtype=int))
        np.testing.assert_allclose(found[:, 1], 0, atol=1e-12)
        assert np.abs(found[:, 0]).min() > 1e-3


def test_occlusion_is_the_fall_when_a_square_is_hidden_by_hand():
    model, (x, _) = picture_model(), pictures(4, 6, 2)
    target = np.array([0, 1, 2, 0])
    found = VIEWS["occlusion"](patch=2).attribute(model, x, target)
    hidden = x.copy()
    hidden[:, 2:4, 4:6] = 0  # black is the mean of these fixed pixels
    fall = log_odds(logits(model, x), target) - log_odds(logits(model, hidden), target)
    np.testing.assert_allclose(found[:, 2, 4], fall, atol=1e-9)
    np.testing.assert_allclose(found[:, 3, 5], fall, atol=1e-9)
    assert found.shape == (4, 6, 6) and np.abs(fall).max() > 1e-3


def test_occlusion_hides_a_category_as_a_whole():
    model, target = table_model(), np.array([0, 1, 2, 0])
    found = VIEWS["occlusion"]().attribute(model, people(), target)
    from disgorge_core.models.prediction import inputs

    z = inputs(model.members[0], people())
    z[:, 1:4] = 0
    with torch.no_grad():
        hidden = model.network(z).numpy()
    fall = log_odds(logits(model, people()), target) - log_odds(hidden, target)
    np.testing.assert_allclose(found[:, 1], fall, atol=1e-9)


@pytest.mark.parametrize("name", list(VIEWS))
def test_views_work_for_values_for_several_networks_and_change_nothing(name):
    line = table_model("regression", 1)
    found = VIEWS[name]().attribute(line, people(), np.zeros(4))
    assert found.shape == (4, 3)
    model = table_model()
    before = Model(**{f: getattr(model, f) for f in model.__dataclass_fields__}).digest
    two = Model("two", model.members * 2, model.classes, model.task, model.lineage)
    target = np.zeros(4, dtype=int)
    one = VIEWS[name]().attribute(model, people(), target, seed=1)
    np.testing.assert_allclose(VIEWS[name]().attribute(two, people(), target, seed=1), one)
    assert model.digest == before
    assert all(p.requires_grad and p.grad is None for p in model.network.parameters())
    kind = VIEWS[name]
    assert kind.title and kind.reading.endswith(".") and isinstance(kind.order, int)


def test_a_guard_is_refused_in_words():
    model = table_model()
    guarded = Model("g", model.members, model.classes, model.task, model.lineage, rule="guard")
    with pytest.raises(NotApplicable, match="output guard"):
        VIEWS["occlusion"]().attribute(guarded, people(), np.zeros(4))


def test_captum_is_not_imported_before_it_runs():
    code = (
        "import sys, disgorge_core.registry as r; list(r.VIEWS); assert 'captum' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def text_model(outputs=3, known=("bad", "good", "well")):
    network = seeded(lambda: nn.Sequential(WordMean(len(known) + 2, 4), nn.Linear(4, 6)))
    network = nn.Sequential(*network, nn.Tanh(), nn.Linear(6, outputs)).double()
    with torch.no_grad():
        network[0].weight[0] = 7  # what stands for no word must not matter
    names = ("a", "b", "c") if outputs > 1 else ()
    task = "classification" if outputs > 1 else "regression"
    p = of_words("told", known, length=6)
    return Model("told", (Member(network, p),), names, task, Lineage("trained here"))


def stories():
    return pd.DataFrame({"told": ["good, good and bad", "well", "bad bad bad zebra"]})


def test_integrated_gradients_of_texts_add_up_word_by_word():
    model, target = text_model(), np.array([0, 1, 2])
    found = VIEWS["integrated_gradients"](steps=200).attribute(model, stories(), target)
    assert found.shape == (3, 6)
    empty = logits(model, pd.DataFrame({"told": [""] * 3}))
    wanted = log_odds(logits(model, stories()), target) - log_odds(empty, target)
    np.testing.assert_allclose(found.sum(1), wanted, atol=1e-5)
    assert np.abs(wanted).min() > 1e-3
    assert not found[0, 4:].any() and not found[1, 1:].any()
    assert found[0, 0] == pytest.approx(found[0, 1])  # "good" twice
    assert found[0, 0] != pytest.approx(found[0, 2])


def test_occlusion_of_texts_leaves_one_word_out():
    model, target = text_model(), np.array([0, 1, 2])
    found = VIEWS["occlusion"]().attribute(model, stories(), target)
    left = pd.DataFrame({"told": ["good, good and", "", "bad bad bad"]})
    fall = log_odds(logits(model, stories()), target) - log_odds(logits(model, left), target)
    np.testing.assert_allclose([found[0, 3], found[1, 0], found[2, 3]], fall, atol=1e-9)
    assert found.shape == (3, 6) and not found[1, 1:].any()


@pytest.mark.parametrize("name", list(VIEWS))
def test_views_of_texts_work_for_values_and_for_shards_with_other_words(name):
    line = text_model(outputs=1)
    assert VIEWS[name]().attribute(line, stories(), np.zeros(3)).shape == (3, 6)
    model, other = text_model(), text_model(known=("zebra",))
    two = Model("two", model.members + other.members, model.classes, model.task, model.lineage)
    target = np.zeros(3, dtype=int)
    one, second, both = (VIEWS[name]().attribute(m, stories(), target) for m in (model, other, two))
    np.testing.assert_allclose(both, (one + second) / 2)
    assert second[2, 3] != pytest.approx(second[2, 0])


def test_a_network_without_word_vectors_is_refused_in_words():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(5, 3).double()

        def forward(self, x):
            return self.table(x).sum(1)

    base = text_model()
    model = Model(
        "own", (Member(Own(), base.preprocessing),), base.classes, base.task, base.lineage
    )
    with pytest.raises(NotApplicable, match="Choose occlusion"):
        VIEWS["integrated_gradients"]().attribute(model, stories(), np.zeros(3, dtype=int))
    assert VIEWS["occlusion"]().attribute(model, stories(), np.zeros(3, dtype=int)).shape == (3, 6)
