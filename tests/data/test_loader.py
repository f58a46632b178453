"""Batches made ahead are those that were asked for one by one, also after a resume."""

import gc
from dataclasses import replace

import numpy as np
import pytest
import torch

from wordbrush.audio.config import FeatureConfig
from wordbrush.data.loader import AHEAD, BatchPlan, Loader, PairBatch
from wordbrush.data.manifest import Manifest
from wordbrush.data.pairs import Pairs
from wordbrush.data.speech import Crops, FeatureStore, write_features
from wordbrush.data.views import Seen, read_wide, write_seen

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
        for name in ("positives", "images", "features", "lengths")
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


def test_captions_of_edited_rows_are_whole(pairs):
    """Captions of up to 0.8 s are cut to 0.4 s, but not those of every second row."""
    margin, plan = 2 * pairs.speech.silence, replace(PLAN, size=CAPTIONS)
    batch = next(Loader(pairs, np.arange(CAPTIONS), plan, seed=3))
    lengths = pairs.speech.lengths[batch.captions]
    heard = batch.lengths.numpy() - margin
    assert (heard[::2] == lengths[::2]).all() and heard[::2].max() * pairs.speech.hop > 0.6
    for row in range(0, CAPTIONS, 2):
        speech = batch.features[row, :, margin // 2 :][:, : lengths[row]].T.numpy()
        assert (speech == pairs.speech[batch.captions[row]]).all()
    assert heard[1::2].max() * pairs.speech.hop <= 0.4


@pytest.mark.parametrize("edit_every", [0, 2, 3])
def test_as_many_captions_are_cropped_with_edits_as_without(pairs, edit_every):
    plan = BatchPlan(CAPTIONS, slice(None), Crops(0.5, 0.02, 9.0), edit_every=edit_every)
    cropped = []
    for batch in taken(Loader(pairs, np.arange(CAPTIONS), plan, seed=3), 20):
        heard = batch.lengths.numpy() - 2 * pairs.speech.silence
        cropped.append((heard < pairs.speech.lengths[batch.captions]).mean())
    assert np.mean(cropped) == pytest.approx(0.5, abs=0.06)  # some crops are whole captions


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


def test_captions_of_a_batch_are_about_as_long_and_an_epoch_still_holds_each_once(pairs):
    lengths = pairs.speech.lengths
    order = np.arange(CAPTIONS)

    def padded(pool: int) -> int:
        loader = Loader(pairs, order, replace(PLAN, pool=pool), seed=3)
        batches = [batch.captions for batch in taken(loader, 3)]
        assert len(set(np.concatenate(batches))) == 24
        return sum(int((lengths[one].max() - lengths[one]).sum()) for one in batches)

    assert padded(3) < padded(1) / 2


def test_a_resumed_loader_goes_on_where_lengths_are_pooled(pairs):
    plan = replace(PLAN, pool=2, flip=True)
    first = Loader(pairs, np.arange(CAPTIONS), plan, seed=3)
    taken(first, 2)
    state = first.state_dict()
    wanted = taken(first, 5)
    other = Loader(pairs, np.arange(CAPTIONS), plan, seed=4)
    other.load_state_dict(state)
    assert all(map(same, wanted, taken(other, 5)))


def test_no_more_batches_are_held_than_are_made_ahead(pairs):
    """What is counted is what is alive, among all objects of this process."""
    loader, most = Loader(pairs, np.arange(CAPTIONS), PLAN, seed=3), 0
    for _ in range(8):
        next(loader)
        most = max(most, sum(type(one) is PairBatch for one in gc.get_objects()))
    loader.close()
    assert most <= AHEAD + 1  # those ahead, and the one that was handed out


def test_edited_rows_show_the_middle_of_a_picture_and_the_others_any_view(pairs, tmp_path):
    wide = np.broadcast_to(10 * np.arange(16, dtype=np.uint8)[:, None], (9, 16, 3))
    write_seen(tmp_path, iter([Seen(pairs.images, [wide] * len(pairs.images))]))
    around = replace(pairs, wide=read_wide(tmp_path, pairs.images))
    loader = Loader(around, np.arange(CAPTIONS), replace(PLAN, flip=True), seed=3)
    rows = [batch.images.mul(127.5).add(127.5).round()[:, 0, 0] for batch in taken(loader, 3)]
    assert all((batch[::2] == 10 * torch.arange(4, 12)).all() for batch in rows)
    views = torch.cat([batch[1::2] for batch in rows])
    rising = views[:, -1] > views[:, 0]
    assert 0 < rising.sum() < len(views)
    assert len(views.amin(1).unique()) > 4


def test_a_fault_in_the_thread_reaches_the_training(pairs):
    broken = replace(pairs, images=pairs.images[:3])
    with pytest.raises(IndexError):
        taken(Loader(broken, np.arange(CAPTIONS), PLAN, seed=3), 1)
