"""Which caption tells of which picture: several captions, positives, splits that share nothing."""

import numpy as np
import pytest

from wordbrush.data.manifest import Manifest, read_manifest, write_manifest
from wordbrush.errors import WordbrushError


def manifest(images: list[int], splits: list[str]) -> Manifest:
    rows = [
        {"image": image, "split": split, "speaker": f"s{number % 2}", "language": "en"}
        for number, (image, split) in enumerate(zip(images, splits, strict=True))
    ]
    return Manifest.of(rows)


SEVERAL = manifest([4, 0, 4, 2, 2, 2], ["train", "train", "train", "test", "test", "validation"])


def test_a_picture_may_have_several_captions_or_none():
    assert SEVERAL.captions("train").tolist() == [0, 1, 2]
    assert SEVERAL.pictures(SEVERAL.captions("train")).tolist() == [0, 4]
    assert SEVERAL.positives(np.array([0, 1, 2])).tolist() == [
        [True, False, True],
        [False, True, False],
        [True, False, True],
    ]
    assert SEVERAL.positives(np.array([3, 4]), np.array([0, 2])).tolist() == [
        [False, False],
        [True, True],
    ]


SPOKEN = Manifest(
    np.array([0, 0, 0, 1, 1, 2, 2, 3]),
    np.array([*7 * ["train"], "test"]),
    np.full(8, "s"),
    np.array(["el", "fr", "ru", "el", "fr", "el", "el", "el"]),
)


def test_captions_that_training_shall_not_hear_are_a_split_of_their_own():
    """Languages wholly; of the others a share, drawn at random, and each picture keeps one."""
    quiet = SPOKEN.without(["el"], 0.0, seed=0)
    assert quiet.captions("unheard").tolist() == [0, 3, 5, 6]
    assert quiet.captions("train").tolist() == [1, 2, 4] and quiet.captions("test").tolist() == [7]
    drawn = {tuple(SPOKEN.without(["el"], 0.9, seed).captions("train")) for seed in range(9)}
    assert drawn == {(1, 4), (2, 4)}
    assert SPOKEN.without([], 0.0, seed=0).splits.tolist() == SPOKEN.splits.tolist()
    many = Manifest(np.arange(400) // 2, *(np.full(400, text) for text in ("train", "s", "fr")))
    assert len(many.without([], 0.25, seed=0).captions("unheard")) == 100


def test_shuffled_captions_take_the_pictures_of_others_in_their_language():
    count = 200
    whole = Manifest(
        np.arange(count) // 2,
        np.array([*150 * ["train"], *50 * ["test"]]),
        np.full(count, "s"),
        np.array(["fr", "ru"] * (count // 2)),
    )
    shuffled = whole.shuffled(seed=0)
    train, test = whole.captions("train"), whole.captions("test")
    assert shuffled.images[test].tolist() == whole.images[test].tolist()
    assert np.mean(shuffled.images[train] == whole.images[train]) < 0.1
    for language in ("fr", "ru"):
        own = train[whole.languages[train] == language]
        assert sorted(shuffled.images[own]) == sorted(whole.images[own])
    assert shuffled.images.tolist() == whole.shuffled(seed=0).images.tolist()
    assert shuffled.images.tolist() != whole.shuffled(seed=1).images.tolist()


def test_it_comes_back_as_it_was_written(tmp_path):
    good = manifest([1, 1, 0], ["train", "train", "test"])
    write_manifest(tmp_path, good)
    again = read_manifest(tmp_path, pictures=2, captions=3)
    for name in ("images", "splits", "speakers", "languages"):
        assert getattr(again, name).tolist() == getattr(good, name).tolist()
    assert again.images.dtype == np.int64 and len(again) == 3


@pytest.mark.parametrize(
    ("images", "splits", "said"),
    [
        ([0, 5], ["train", "test"], r"caption 1: there is no picture 5; there are 2"),
        ([0, -1], ["train", "test"], r"caption 1: there is no picture -1"),
        (
            [0, 1],
            ["train", "dev"],
            r"the split 'dev' is unknown; use train, .*, unheard",
        ),
        ([1, 1], ["train", "test"], r"picture 1 has captions in train and in test"),
        ([0], ["train"], r"has 1 captions, but .* has the features of 2"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tmp_path, images, splits, said):
    write_manifest(tmp_path, manifest(images, splits))
    with pytest.raises(WordbrushError, match=said):
        read_manifest(tmp_path, pictures=2, captions=2)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(WordbrushError, match=r"captions\.parquet"):
        read_manifest(tmp_path, 1, 1)
