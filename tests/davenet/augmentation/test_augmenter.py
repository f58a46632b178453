"""All augmentations together: bounded, repeatable, off at 0, and never on padding."""

import pytest
import torch

from wordbrush.audio.config import FeatureConfig
from wordbrush.davenet.augmentation.augmenter import Augmenter
from wordbrush.davenet.augmentation.power import to_features, to_power
from wordbrush.params import Augmentation
from wordbrush.training.compute import device

FULL = {
    "tempo": 0.3,
    "vocal_tract": 0.2,
    "formants": 0.6,
    "harmonics_db": 6.0,
    "rooms": 1.0,
    "noise": 1.0,
    "equaliser_db": 5.0,
    "tilt_db": 6.0,
    "telephone": 0.5,
    "level_db": 10.0,
    "compression": 0.5,
    "clipping_db": 6.0,
    "time_masks": 2,
    "band_masks": 2,
}


@pytest.fixture
def speech() -> tuple[torch.Tensor, torch.Tensor]:
    """Features of utterances with pauses: [8, 40, 60], and their lengths."""
    torch.manual_seed(0)
    features, lengths = torch.rand(8, 40, 60), torch.tensor([60, 50, 40, 30, 20, 10, 3, 1])
    features[:, :, 5:10] = 0
    features = features * (torch.arange(60) < lengths[:, None])[:, None]
    return features.to(device()), lengths.to(device())


def flat(count: int, frames: int, value: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Features [count, 40, frames] that are all the same, and their lengths."""
    lengths = torch.full((count,), frames, device=device())
    return torch.full((count, 40, frames), value, device=device()), lengths


@pytest.fixture
def augmenter(tiny):
    def make(seed: int = 0, **options: float) -> Augmenter:
        values = tiny.davenet.augmentation.model_dump() | options
        return Augmenter(Augmentation(**values), FeatureConfig.taken_from(tiny.captions), seed)

    return make


def test_the_list_of_this_test_is_complete(augmenter):
    assert set(augmenter(**FULL).options.used) == set(FULL)


@pytest.mark.parametrize("name", FULL)
def test_each_changes_speech_keeps_its_bounds_and_leaves_padding(augmenter, speech, name):
    features, lengths = speech
    changed, new = augmenter(**{name: FULL[name]})(features, lengths)
    assert changed.shape == features.shape and torch.isfinite(changed).all()
    assert changed.min() >= 0 and not torch.allclose(changed, features, atol=1e-3)
    assert (new.tolist() == lengths.tolist()) == (name != "tempo")
    for row, length in enumerate(new):
        assert length >= 1 and not changed[row, :, length:].any()


@pytest.mark.parametrize("name", FULL)
def test_at_no_strength_nothing_changes(augmenter, speech, name):
    features, lengths = speech
    same, new = augmenter(**{name: FULL[name]})(features, lengths, strength=0.0)
    assert torch.allclose(same, features, atol=2e-5) and new.tolist() == lengths.tolist()


def test_what_is_off_is_not_touched(augmenter, speech):
    same, lengths = augmenter()(*speech)
    assert torch.equal(same, speech[0]) and lengths.tolist() == speech[1].tolist()


def test_the_same_seed_and_state_give_the_same(augmenter, speech):
    first, again, other = augmenter(3, **FULL), augmenter(3, **FULL), augmenter(4, **FULL)
    before = first(*speech)[0]
    assert torch.equal(again(*speech)[0], before) and not torch.equal(other(*speech)[0], before)
    state = first.rng.get_state()
    after = first(*speech)[0]
    resumed = augmenter(3, **FULL)
    resumed.rng.set_state(state)
    assert torch.equal(resumed(*speech)[0], after) and not torch.equal(after, before)


def test_strength_is_how_far_speech_is_changed(augmenter, speech):
    options = {"equaliser_db": 5.0, "level_db": 10.0, "vocal_tract": 0.2}
    distances = [
        float((augmenter(**options)(*speech, strength)[0] - speech[0]).abs().mean())
        for strength in (0.1, 0.5, 1.0)
    ]
    assert 0 < 2 * distances[0] < distances[1] < distances[2]


def test_a_share_of_utterances_is_changed(augmenter, tiny):
    features, lengths = flat(400, 20, 0.5)
    augment = augmenter(noise=0.3)
    for strength, wanted in ((1.0, 0.3), (0.5, 0.15)):
        changed = (augment(features, lengths, strength)[0] - features).abs().amax((1, 2)) > 1e-4
        assert changed.float().mean().item() == pytest.approx(wanted, abs=0.06)


def test_silence_stays_silence_unless_there_is_noise(augmenter, speech):
    features, lengths = speech
    for options in ({"level_db": 30.0}, {"equaliser_db": 20.0}, {"compression": 1.0}):
        louder, _ = augmenter(**options)(features, lengths)
        assert not louder[:, :, 5:10].any()
    assert augmenter(noise=1.0, noise_snr_db=-10.0)(features, lengths)[0][:4, :, 5:10].any()


def test_a_level_is_decibels_in_the_features_scale(augmenter, tiny, speech):
    features, lengths = flat(200, 4, 0.6)
    louder, _ = augmenter(level_db=8.0)(features, lengths)
    moved = (louder - features)[:, 0, 0] * tiny.captions.range_db
    assert 7 < moved.max() <= 8.01 and -8.01 <= moved.min() < -7
    assert torch.allclose(louder, louder[:, :1, :1].expand_as(louder), atol=1e-5)


def test_power_adds_up_and_silence_has_none():
    features = torch.tensor([0.0, 0.5, 1.0])
    power = to_power(features, 80.0)
    assert power[0] == 0 and power.tolist()[1:] == pytest.approx([1e4 - 1, 1e8 - 1], rel=1e-4)
    assert torch.allclose(to_features(power, 80.0), features, atol=1e-6)
    double = to_features(2 * power, 80.0)
    assert (80 * (double - features))[1:].tolist() == pytest.approx([3.01, 3.01], abs=0.01)
