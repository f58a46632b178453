"""Drawings and their twins stand in one batch, and every epoch brings another twin."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.data.test_loader import CAPTIONS, PLAN, pairs  # noqa: F401
from wordbrush.data.loader import AHEAD, PairBatch
from wordbrush.data.pairs import Pairs
from wordbrush.data.twin_loader import TwinLoader, TwinPlan, twin_rows
from wordbrush.data.twins import NO_RIVAL, TwinPairs, read_twins, write_twins
from wordbrush.errors import WordbrushError

DRAWINGS = np.array([0, 0, 0, 3, 5, 5, 11, 12, 12])  # that the nine twins stand beside
RIVALS = np.array([-1, 2, 1, -1, -1, -1, -1, 8, 7])
CERTAINTY = np.linspace(0.9, 1, len(DRAWINGS)).astype(np.float32)
BATCH = replace(PLAN, size=4, edit_every=0)
TWO = TwinPlan(2, slice(0, 2))
DRAWN, TWINS, OTHERS = [2, 6], [3, 7], [0, 1, 4, 5]  # rows of these batches


@pytest.fixture
def twinned(pairs) -> Pairs:  # noqa: F811
    """Twins of one value each, 100 and above; their speech is that of the first captions."""
    images = np.repeat(np.arange(100, 109, dtype=np.uint8), 8 * 8 * 3).reshape(9, 8, 8, 3)
    return replace(pairs, twins=TwinPairs(images, pairs.speech, DRAWINGS, RIVALS, CERTAINTY))


def loader(pairs: Pairs, plan=BATCH, twin_plan=TWO, seed=3) -> TwinLoader:  # noqa: F811
    return TwinLoader(pairs, np.arange(CAPTIONS), plan, twin_plan, seed)


def values(batch: PairBatch) -> list[int]:
    return batch.images[:, 0, 0, 0].add(1).mul(127.5).round().int().tolist()


def twins_of(batch: PairBatch) -> list[int]:
    """The numbers of the twins of a batch."""
    return [values(batch)[row] - 100 for row in TWINS]


def test_a_twin_stands_beside_its_drawing_or_its_rival(twinned):
    batches = loader(twinned)
    for _ in range(6):
        batch = next(batches)
        twins = np.array(twins_of(batch))
        assert len(batch.images) == len(batch.captions) == batches.rows == 8
        beside = np.where(RIVALS[twins] == NO_RIVAL, DRAWINGS[twins], 20 + RIVALS[twins])
        assert (batch.pictures[DRAWN] == beside).all()
        assert (batch.pictures[TWINS] == 20 + twins).all()  # behind all pictures
        assert (twinned.manifest.images[batch.captions[DRAWN]] == DRAWINGS[twins]).all()
        shown = np.array(values(batch))
        assert (shown == np.where(batch.pictures < 20, batch.pictures, 80 + batch.pictures)).all()
        assert (batch.captions[DRAWN] == batch.captions[TWINS]).all()
        assert np.allclose(batch.certainty, CERTAINTY[twins])


def test_both_captions_of_a_pair_are_whole(twinned):
    batches = loader(twinned)
    for _ in range(6):
        batch = next(batches)
        beside = [
            caption if picture < 20 else picture - 20
            for caption, picture in zip(batch.captions[DRAWN], batch.pictures[DRAWN], strict=True)
        ]
        numbers = [*beside, *twins_of(batch)]
        for row, number in zip([*DRAWN, *TWINS], numbers, strict=True):
            said = torch.from_numpy(twinned.speech[number]).T
            assert batch.lengths[row] == said.shape[1]
            assert torch.equal(batch.features[row, :, : said.shape[1]], said)
            assert not batch.features[row, :, said.shape[1] :].any()


def test_a_pair_s_captions_belong_to_one_picture_each(twinned):
    batches = loader(twinned)
    for _ in range(6):
        batch = next(batches)
        wanted = batch.pictures[:, None] == batch.pictures[None]
        assert np.array_equal(batch.positives, wanted)
        assert wanted[TWINS].sum() == wanted[:, TWINS].sum() == 2


def test_every_epoch_takes_another_twin_until_all_were_there(twinned):
    """Five pictures have twins, three of them two captions, so an epoch has four batches."""
    batches, turns = loader(twinned), {0: 3, 3: 1, 5: 2, 11: 1, 12: 2}
    for turn in range(4):
        seen = [next(batches) for _ in range(4)]
        assert len({int(one) for batch in seen for one in batch.captions[DRAWN]}) == 8
        for batch in seen:
            drawings = twinned.manifest.images[batch.captions[DRAWN]]
            for drawing, twin in zip(drawings, twins_of(batch), strict=True):
                assert twin == list(DRAWINGS).index(drawing) + turn % turns[drawing]


def test_other_rows_are_those_of_a_loader_without_twins(twinned):
    """Their epochs hold every caption once."""
    batches = loader(twinned)
    rows = np.concatenate([next(batches).captions[OTHERS] for _ in range(CAPTIONS // 4)])
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize("handed_out", [0, 1, 4])
def test_a_resumed_loader_goes_on_with_the_same_batches(twinned, handed_out):
    first = loader(twinned)
    for _ in range(handed_out):
        next(first)
    state = first.state_dict()
    other = loader(twinned, seed=4)
    next(other)
    other.load_state_dict(state)
    for _ in range(AHEAD + 4):
        wanted, found = next(first), next(other)
        assert wanted.tensors.keys() == found.tensors.keys()
        assert all(torch.equal(one, found.tensors[name]) for name, one in wanted.tensors.items())


def test_each_process_has_its_part_of_the_same_batch(twinned):
    whole = next(loader(twinned))
    parts = [
        next(
            loader(
                twinned,
                replace(BATCH, part=slice(2 * rank, 2 * rank + 2)),
                TwinPlan(2, slice(rank, rank + 1)),
            )
        )
        for rank in range(2)
    ]
    for name in ("images", "features", "lengths"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(whole, name))
    assert np.array_equal(np.concatenate([part.pictures for part in parts]), whole.pictures)
    for part in parts:
        assert torch.equal(part.positives, whole.positives)
        assert torch.equal(part.certainty, whole.certainty)
    assert [one.tolist() for one in twin_rows(8, 2)] == [DRAWN, TWINS]


def test_more_drawings_than_have_twins_are_refused(twinned):
    with pytest.raises(WordbrushError, match=r"8 drawings have twins, and twins\..* 9: lower"):
        loader(twinned, twin_plan=TwinPlan(9, slice(0, 9)))


@pytest.fixture
def written(twinned, tmp_path) -> Pairs:
    """The features that are there are those of the twins, too."""
    folder = tmp_path
    np.save(folder / "images.npy", np.repeat(twinned.images, 2, 0)[:CAPTIONS])
    write_twins(folder, sorted([*range(15)] * 2), [1, 0] + [NO_RIVAL] * 28, [0.95] * CAPTIONS)
    return twinned


def test_what_is_written_is_read(written, tmp_path):
    found = read_twins(tmp_path, written.images, np.arange(15))
    assert len(found) == CAPTIONS and found.of(np.array([0, 7]), 3).tolist() == [1, 15]
    assert found.certainty == pytest.approx(0.95)


def test_rivals_that_are_not_of_one_drawing_are_refused(written, tmp_path):
    drawings = sorted([*range(15)] * 2)
    for rivals in ([2, 0], [30, 0], [-2, 0]):
        write_twins(tmp_path, drawings, rivals + [NO_RIVAL] * 28, [0.95] * CAPTIONS)
        with pytest.raises(WordbrushError, match="rival is not of the same drawing"):
            read_twins(tmp_path, written.images, np.arange(15))


def test_twins_of_pictures_that_are_not_of_the_training_are_refused(written, tmp_path):
    with pytest.raises(WordbrushError, match=r"twins.parquet: the picture 14 is not of"):
        read_twins(tmp_path, written.images, np.arange(14))


def test_none_where_some_are_asked_for_is_an_error(tmp_path, written):
    write_twins(tmp_path, [], [], [])
    with pytest.raises(WordbrushError, match="has no twins"):
        read_twins(tmp_path, written.images, np.arange(14))
