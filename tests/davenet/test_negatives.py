"""How edited pictures score with captions."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from wordbrush.audio.config import FeatureConfig
from wordbrush.data.images import to_images
from wordbrush.data.loader import PairBatch
from wordbrush.data.speech import FeatureStore, write_features
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.matchmap import similarity
from wordbrush.davenet.negatives import Batch, Edited, EditedNegatives

CAPTIONS, EDITED = np.array([7, 2, 5, 0]), np.array([7, 5])


class Known:
    """An editor whose pictures, validity and donors are known."""

    rng = torch.Generator()

    def __init__(self, edited: Edited):
        self.edited = edited

    def __call__(self, batch: Batch) -> Edited:
        self.batch = batch
        return self.edited


@pytest.fixture
def speech(tiny, tmp_path) -> FeatureStore:
    """Captions of up to six seconds: longer than a crop."""
    rng = np.random.default_rng(0)
    frames = [rng.random((rng.integers(90, 300), tiny.captions.bands)) for _ in range(9)]
    write_features(
        tmp_path / "features",
        [one.astype(np.float16) for one in frames],
        FeatureConfig.taken_from(tiny.captions),
    )
    return FeatureStore(tmp_path / "features")


def batch_of(speech: FeatureStore, images: torch.Tensor) -> PairBatch:
    own = torch.eye(len(CAPTIONS), dtype=torch.bool)
    return PairBatch(CAPTIONS, own, CAPTIONS, images, *speech.batch(CAPTIONS))


def test_edited_pictures_meet_their_own_captions(tiny, speech):
    torch.manual_seed(0)
    kind, encoders = (
        tiny.davenet.similarity,
        Encoders(EncoderConfig.of(tiny.davenet, speech.config)),
    )
    images = to_images(np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3), np.uint8))
    editor = Known(
        Edited(torch.randn(2, 3, 16, 16), torch.tensor([True, False]), torch.tensor([1, 0]))
    )
    seen = encoders.encode_images(images)
    batch = batch_of(speech, images)
    heard = encoders.encode_in_turn(batch.features, batch.lengths)
    scores = EditedNegatives(encoders, editor, 2, kind, "caption")(batch, seen, heard)
    assert np.array_equal(editor.batch.index, EDITED)
    assert torch.equal(editor.batch.images, images[::2])
    assert torch.equal(editor.batch.heard.features, heard.features[::2])

    edited = encoders.encode_images(editor.edited.pictures)
    for number, found in (
        (torch.tensor([0, 2]), scores.excess),
        (torch.tensor([2, 0]), scores.gain),
    ):
        audio, lengths = heard.features[number], heard.lengths[number]
        above = similarity(edited.features, audio, lengths, kind)
        below = similarity(seen.features[::2], audio, lengths, kind)
        assert torch.allclose(found[::2], above - below, atol=1e-4) and not found[1::2].any()
    assert scores.valid.tolist() == [True, False, False, False]


def test_without_donors_nothing_is_gained(tiny, speech):
    encoders = Encoders(EncoderConfig.of(tiny.davenet, speech.config))
    images = torch.randn(4, 3, 16, 16)
    editor = Known(Edited(torch.randn(4, 3, 16, 16), torch.ones(4, dtype=torch.bool)))
    seen: Encoded = encoders.encode_images(images)
    edits = EditedNegatives(encoders, editor, 1, tiny.davenet.similarity, "caption")
    batch = batch_of(speech, images)
    heard = encoders.encode_in_turn(batch.features, batch.lengths)
    scores = edits(batch, seen, heard)
    assert scores.gain is None and scores.valid.all() and len(scores.excess) == 4
    assert scores.others is None


def test_edited_pictures_are_impostors_of_all_whose_pictures_they_were_not(tiny, speech):
    """Rows 0, 2 and 3 are edited; row 3 has no valid edit, and row 2 was given units of row 0,
    of whose picture the caption of row 1 tells, too."""
    torch.manual_seed(0)
    encoders, kind = Encoders(EncoderConfig.of(tiny.davenet, speech.config)), "MISA"
    batch = batch_of(speech, torch.randn(4, 3, 16, 16))
    positives = torch.eye(4, dtype=torch.bool)
    positives[0, 1] = positives[1, 0] = True
    batch = replace(batch, positives=positives)
    pictures, donors = torch.randn(4, 3, 16, 16), torch.tensor([3, 3, 0, 1])
    editor = Known(Edited(pictures, torch.tensor([True, True, True, False]), donors))
    seen = encoders.encode_images(batch.images)
    heard = encoders.encode_audio(batch.features, batch.lengths)
    scores = EditedNegatives(encoders, editor, 1, kind, "batch")(batch, seen, heard)
    none = [[0, 1, 3], [0, 1, 3], [0, 1, 2], [0, 1, 2, 3]]  # own and donor's; not valid
    after = encoders.encode_images(pictures)
    for row in range(4):
        for column in range(4):
            if column in none[row]:
                assert scores.others[row, column] == -torch.inf
                continue
            one = heard.features[column : column + 1], heard.lengths[column : column + 1]
            wanted = similarity(after.features[row : row + 1], *one, kind)
            assert torch.allclose(scores.others[row, column], wanted, atol=1e-3)
