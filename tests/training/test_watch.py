"""Losses stay on the device until they are read; what is not finite ends a training by name."""

import pytest
import torch

from tests.noise import noise_pairs
from wordbrush.data.pairs import Pairs
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.training import Settings, Trainer, train
from wordbrush.errors import Diverged
from wordbrush.storage.folders import FolderStore
from wordbrush.training.checkpoints import Checkpoints
from wordbrush.training.compute import running_ahead
from wordbrush.training.watch import READ_EVERY, Watch, observed


def test_losses_and_figures_are_read_in_order():
    watch = Watch("the GAN", read_every=3)
    for step in (1, 2, 3):
        assert not watch.due
        watch.add(
            step, 2, observed(torch.tensor([step, -1.0]), figures=[torch.tensor(10.0 * step)])
        )
    assert watch.due and watch.read("") == [(1, -1, 10), (2, -1, 20), (3, -1, 30)]
    assert not watch.due and watch.read("") == []


def test_non_finite_losses_are_named():
    watch = Watch("the GAN", read_every=4)
    for step, loss in enumerate([1.0, 2.0, float("inf"), float("nan")], start=10):
        watch.add(step, 2, observed(torch.tensor([1.0, loss])))
    with pytest.raises(
        Diverged, match=r"the GAN diverged at step 12: loss 1, inf, .*There is no checkpoint"
    ):
        watch.read("")


def test_non_finite_gradients_are_named_with_the_last_checkpoint():
    network, watch = torch.nn.Linear(1, 1), Watch("the segmenter")
    network.weight.grad = torch.full_like(network.weight, torch.nan)
    watch.add(5, 1, observed(torch.tensor(1.0), network))
    with pytest.raises(Diverged, match=r"norm nan\. The last good checkpoint is step 4 in x"):
        watch.read("step 4 in x")


def test_figures_may_be_anything():
    watch = Watch("DAVEnet")
    watch.add(1, 1, observed(torch.tensor(1.0), figures=[torch.tensor(float("inf"))]))
    assert watch.read("") == [(1.0, float("inf"))]


@pytest.fixture
def pairs(tiny, tmp_path) -> Pairs:
    return noise_pairs(tiny, tmp_path)


class SpoiltStep(Trainer):
    """A training whose weights are spoilt in step 4."""

    def step(self, number: int) -> None:
        if number == 4:
            torch.nn.init.constant_(self.encoders.image.layers[0].weight, torch.nan)
        super().step(number)


@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_a_diverged_training_ends_and_keeps_nothing_bad(
    tiny, pairs, tmp_path, monkeypatch, seconds
):
    """seconds: a checkpoint after each step, or none before the training's end."""
    monkeypatch.setattr("wordbrush.davenet.training.Trainer", SpoiltStep)
    davenet = tiny.davenet.model_copy(update={"batch_size": 8, "log_every": 1000})
    stage = tiny.schedule.pretrain.model_copy(update={"steps": 8})
    assert stage.steps < READ_EVERY  # so nothing but a checkpoint or the end makes it read
    checkpoints = Checkpoints(FolderStore(tmp_path / "kept"), "key", seconds)
    encoders = Encoders(EncoderConfig.of(davenet, pairs.speech.config))
    said = "diverged at step 4: loss nan.*"
    said += "good checkpoint is step 3" if seconds == 0 else "There is no checkpoint"
    with running_ahead(), pytest.raises(Diverged, match=said):
        train(
            encoders, pairs, Settings(davenet, stage, "hard", 3, "caption"), checkpoints=checkpoints
        )
    kept = sorted(int(path.name.split("-")[1]) for path in tmp_path.glob("kept/key/*"))
    assert kept == ([2, 3] if seconds == 0 else [])
