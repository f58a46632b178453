"""What a training step minimises beside the objective, and how speech is varied meanwhile."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.devices import same_weights
from tests.noise import noise_pairs
from wordbrush.data.images import to_images
from wordbrush.data.manifest import Manifest
from wordbrush.data.pairs import Pairs
from wordbrush.data.twins import NO_RIVAL, TwinPairs
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.kernels import similarities
from wordbrush.davenet.locked import LockedPictures
from wordbrush.davenet.training import Settings, Trainer, make_decay, train
from wordbrush.params import Augmentation
from wordbrush.storage.folders import FolderStore
from wordbrush.training.checkpoints import Checkpoints
from wordbrush.training.compute import device, mixed_precision


class Costly(Encoders):
    """Encoders that add a loss of their own, as a quantiser does."""

    def encode_images(self, images: torch.Tensor) -> Encoded:
        encoded = super().encode_images(images)
        return replace(encoded, auxiliary_loss=3 * encoded.features.square().mean())


@pytest.fixture
def pairs(tiny, tmp_path) -> Pairs:
    return noise_pairs(tiny, tmp_path)


def with_twins(pairs: Pairs) -> Pairs:
    """Two twins beside each of the first eight pictures."""
    drawings, sure = np.arange(16) // 2, np.linspace(0.9, 1, 16).astype(np.float32)
    rivals = np.where(drawings < 4, np.arange(16) ^ 1, NO_RIVAL)
    twins = TwinPairs(pairs.images[::-1], pairs.speech, drawings, rivals, sure)
    return replace(pairs, twins=twins)


def test_an_encoder_s_own_loss_is_part_of_the_loss(tiny, pairs):
    settings = Settings(tiny.davenet, tiny.schedule.pretrain, "hard", 3, "caption")

    def loss_of(kind: type[Encoders]):
        torch.manual_seed(0)
        trainer = Trainer(
            kind(EncoderConfig.of(tiny.davenet, pairs.speech.config)), pairs, settings
        )
        batch = next(trainer.batches)
        loss, _ = trainer.loss(trainer.given(1, batch.to(device())), trainer.curriculum.at(1))
        seen = trainer.encoders.encode_images(batch.images.to(loss.device))
        return loss, seen

    (plain, _), (costly, seen) = loss_of(Encoders), loss_of(Costly)
    assert (costly - plain).item() == pytest.approx(seen.auxiliary_loss.item(), rel=1e-4)


class Interrupted(BaseException):
    """Stands for the time at which the machine disappeared."""


class MortalStore(FolderStore):
    """A folder whose machine disappears after the third checkpoint, if it is said to."""

    def __init__(self, root: Path, mortal: bool):
        super().__init__(root)
        self.left = 3 if mortal else 1000

    def exchange(self, name: str, data: bytes, before: bytes | None) -> None:
        super().exchange(name, data, before)
        self.left -= 1
        if self.left == 0:
            raise Interrupted


@pytest.fixture
def varied(tiny) -> Settings:
    """Settings with some augmentation of each kind."""
    options = {"tempo": 0.2, "vocal_tract": 0.2, "noise": 0.8, "rooms": 0.5, "time_masks": 1}
    augmentation = Augmentation(**{**tiny.davenet.augmentation.model_dump(), **options})
    davenet = tiny.davenet.model_copy(update={"augmentation": augmentation, "batch_size": 8})
    stage = tiny.schedule.pretrain.model_copy(update={"steps": 6, "ramp_steps": 3})
    return Settings(davenet, stage, "hard", 3, "caption")


def with_locked_steps(settings: Settings, steps: int, locked_steps: int) -> Settings:
    phases = {"steps": steps, "locked_steps": locked_steps}
    return replace(settings, stage=settings.stage.model_copy(update=phases))


@pytest.mark.parametrize(("locked_steps", "twins"), [(0, False), (4, False), (4, True)])
def test_a_training_with_augmentation_resumes_as_if_never_stopped(
    tiny, varied, pairs, tmp_path, locked_steps, twins
):
    varied = with_locked_steps(varied, 6 - locked_steps, locked_steps)
    if twins:
        how = tiny.twins.model_copy(update={"kind": "edited", "pairs_a_batch": 2})
        varied, pairs = replace(varied, twins=how), with_twins(pairs)

    def trained(folder: str, mortal: bool = False) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        encoders = Encoders(EncoderConfig.of(varied.davenet, pairs.speech.config))
        store = MortalStore(tmp_path / folder, mortal)
        train(encoders, pairs, varied, checkpoints=Checkpoints(store, "key", seconds=0))
        return encoders.state_dict()

    whole = trained("whole")
    with pytest.raises(Interrupted):
        trained("parts", mortal=True)
    resumed = trained("parts")
    assert same_weights(resumed, whole)


def test_in_locked_steps_only_the_audio_branch_learns(varied, pairs):
    def trained(locked_steps: int) -> tuple[dict[str, torch.Tensor], list[tuple[float, ...]]]:
        torch.manual_seed(0)
        encoders = Encoders(EncoderConfig.of(varied.davenet, pairs.speech.config))
        rows = train(encoders, pairs, with_locked_steps(varied, 3, locked_steps))
        return encoders.state_dict(), rows

    (joint, before), (locked, after) = trained(0), trained(2)
    changed = {name for name in joint if not torch.equal(joint[name], locked[name])}
    assert {name.split(".")[0] for name in changed} == {"audio"}
    assert "audio.convs.0.weight" in changed and "audio.norms.0.running_mean" in changed
    assert (before[-1][0], after[-1][0]) == (3, 5)


@pytest.mark.parametrize("decay", ["cosine", "steps"])
def test_the_learning_rate_starts_anew_with_each_phase(varied, decay):
    davenet = varied.davenet.model_copy(update={"decay": decay, "decay_steps": 2})
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.4)
    schedule, rates = make_decay(optimiser, davenet, (4, 0, 3)), []
    for _ in range(7):
        rates.append(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()
    low = 0.4 * davenet.decay_factor
    by_steps = [0.4, 0.4, low, low, 0.4, 0.4, low]
    cosine = [0.2 * (1 + np.cos(np.pi * done / count)) for count in (4, 3) for done in range(count)]
    assert rates == pytest.approx(cosine if decay == "cosine" else by_steps)


def test_a_locked_branch_sees_each_picture_as_it_does_in_use(varied, pairs):
    encoders = Encoders(EncoderConfig.of(varied.davenet, pairs.speech.config))
    row = {"split": "train", "speaker": "noise", "language": "en"}
    manifest = Manifest.of([{**row, "image": 19 - number} for number in range(10)])
    locked = LockedPictures(encoders, replace(pairs, manifest=manifest))
    encoders.eval()
    seen = encoders.encode_images(to_images(pairs.images[[19, 12]]))
    assert torch.allclose(locked.of(np.array([19, 12])), seen.features, atol=1e-5)


def test_augmentation_grows_up_to_its_strength(varied, pairs):
    encoders = Encoders(EncoderConfig.of(varied.davenet, pairs.speech.config))

    def change(step: int) -> float:
        trainer = Trainer(encoders, pairs, varied)
        given = trainer.given(step, next(trainer.batches).to(device()))
        batch = given.batch
        changed = trainer.augmented(batch, given.strength)
        assert changed.images is batch.images
        return float((changed.features - batch.features).abs().mean())

    changes = [change(step) for step in (1, 2, 4, 40)]
    assert 0 < changes[0] < changes[1] < changes[2] == changes[3]


def test_without_augmentation_a_batch_stays_and_so_do_checkpoints(tiny, pairs):
    encoders = Encoders(EncoderConfig.of(tiny.davenet, pairs.speech.config))
    trainer = Trainer(
        encoders, pairs, Settings(tiny.davenet, tiny.schedule.pretrain, "hard", 3, "caption")
    )
    batch = next(trainer.batches)
    assert trainer.augmented(batch, 1.0) is batch
    assert set(trainer.parts()) == {"encoders", "optimiser", "decay", "batches", "chance"}


def test_edits_are_their_drawings_impostors_and_plain_twins_are_none(tiny, pairs):
    """Beside that, what is learned from is the same: as many captions, in batches as large."""

    def loss_of(kind: str) -> tuple[Trainer, torch.Tensor]:
        torch.manual_seed(0)
        twins = tiny.twins.model_copy(update={"kind": kind, "pairs_a_batch": 4, "weight": 2.0})
        settings = Settings(tiny.davenet, tiny.schedule.pretrain, "hard", 3, "caption", twins)
        config = EncoderConfig.of(tiny.davenet, pairs.speech.config)
        trainer = Trainer(Encoders(config), with_twins(pairs), settings)
        given = trainer.given(5, next(trainer.batches).to(device()))
        assert len(given.batch.captions) == trainer.batches.rows == tiny.davenet.batch_size
        return trainer, trainer.loss(given, trainer.curriculum.at(5))[0]

    (_, plain), (trainer, edited) = loss_of("plain"), loss_of("edited")
    torch.manual_seed(0)
    batch = next(Trainer(trainer.encoders, with_twins(pairs), trainer.settings).batches)
    batch = batch.to(device())
    with mixed_precision():
        seen = trainer.encoders.encode_images(batch.images)
        heard = trainer.encoders.encode_audio(batch.features, batch.lengths)
    scores = similarities(seen, heard, tiny.davenet.similarity)
    slow = 0.0
    for row, sure in zip((2, 6, 10, 14), batch.certainty, strict=True):
        for one, other in ((row, row + 1), (row + 1, row)):
            for impostor in (scores[one, other], scores[other, one]):
                excess = (impostor - scores[one, one]) / tiny.davenet.temperature
                slow += sure * torch.nn.functional.softplus(excess)
    assert (edited - plain).item() == pytest.approx(2.0 * slow.item() / 8, rel=1e-4)
