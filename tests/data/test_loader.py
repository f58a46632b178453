"""Batches made ahead are those that were asked for one by one, also after a resume."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from wordbrush.audio.config import FeatureConfig
from wordbrush.data.loader import AHEAD, BatchPlan, Loader, PairBatch
from wordbrush.data.manifest import Manifest
from wordbrush.data.pairs import Pairs
from wordbrush.data.speech import Crops, FeatureStore, write_features

CAPTIONS = 30
PLAN = BatchPlan(8, slice(None), Crops(0.5, 0.1, 0.4), edit_every=2)


@pytest.fixture
def pairs(tmp_path, tiny) -> Pairs:
    """Twenty pictures of one value each; every tenth has a second caption."""
    rng = np.random.default_rng(0)
    features = [
        rng.random((int(length), tiny.captions.bands)).astype(np.float16)
        for length in rng.integers(5, 40, CAPTIONS)
    ]
    write_features(tmp_path / "features", features, FeatureConfig.taken_from(tiny.captions))
    images = np.repeat(np.arange(20, dtype=np.uint8), 8 * 8 * 3).reshape(20, 8, 8, 3)
    words = ["train"] * CAPTIONS
    manifest = Manifest(np.arange(CAPTIONS) % 20, *(np.array(words) for _ in range(3)))
    return Pairs(images, FeatureStore(tmp_path / "features"), manifest)


def taken(loader: Loader, count: int) -> list[PairBatch]:
    return [next(loader) for _ in range(count)]


def same(one: PairBatch, other: PairBatch) -> bool:
    return (one.captions == other.captions).all() and all(
        torch.equal(getattr(one, name), getattr(other, name))
        for name in ("positives", "images", "features", "lengths", "whole", "whole_lengths")
    )


def test_an_epoch_holds_every_caption_once_and_drops_a_short_rest(pairs):
    loader = Loader(pairs, np.arange(CAPTIONS), PLAN, seed=3)
    seen = np.concatenate([batch.captions for batch in taken(loader, 3)])
    assert len(set(seen)) == 24
    assert len(set(next(loader).captions) & set(seen)) > 0


def test_a_row_is_a_caption_and_its_picture(pairs):
    batch = next(Loader(pairs, np.arange(CAPTIONS), PLAN, seed=3))
    assert batch.pictures.tolist() == (batch.captions % 20).tolist()
    shown = ((batch.images[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()
    assert shown == batch.pictures.tolist()
    whole = pairs.speech.batch(batch.captions[::2])
    assert torch.equal(batch.whole_lengths, whole[1])
    assert torch.equal(batch.whole[..., : whole[0].shape[2]], whole[0])


def test_two_captions_of_one_picture_are_both_positive(pairs):
    loader = Loader(pairs, np.arange(CAPTIONS), replace(PLAN, size=CAPTIONS), seed=3)
    batch = next(loader)
    twice = np.isin(batch.captions % 20, np.arange(10))
    assert batch.positives.sum(1).tolist() == (1 + twice.astype(int)).tolist()
    assert batch.positives.diagonal().all() and torch.equal(batch.positives, batch.positives.T)


@pytest.mark.parametrize("handed_out", [0, 1, 4, 7])
def test_a_resumed_loader_goes_on_with_the_same_batches(pairs, handed_out):
    first = Loader(pairs, np.arange(CAPTIONS), PLAN, seed=3)
    taken(first, handed_out)
    state = first.state_dict()
    wanted = taken(first, AHEAD + 3)
    other = Loader(pairs, np.arange(CAPTIONS), PLAN, seed=4)
    taken(other, 2)  # with batches of its own made ahead, which are forgotten
    other.load_state_dict(state)
    assert all(map(same, wanted, taken(other, AHEAD + 3)))


def test_each_process_has_its_part_of_the_same_batch(pairs):
    whole, *parts = (
        next(Loader(pairs, np.arange(CAPTIONS), replace(PLAN, part=part), seed=3))
        for part in (slice(None), slice(0, 4), slice(4, 8))
    )
    assert torch.equal(whole.features, torch.cat([part.features for part in parts]))
    assert torch.equal(whole.images, torch.cat([part.images for part in parts]))
    assert all((part.captions == whole.captions).all() for part in parts)


def test_a_fault_in_the_thread_reaches_the_training(pairs):
    broken = replace(pairs, images=pairs.images[:3])
    with pytest.raises(IndexError):
        taken(Loader(broken, np.arange(CAPTIONS), PLAN, seed=3), 1)
