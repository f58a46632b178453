"""Which caption tells of which picture, by whom and in which language: one table for every source.

A picture may have several captions, and some have none. Training reads this table beside the
features of the captions; it holds no text and no labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from wordbrush.data.languages import number_of
from wordbrush.data.splits import CAPTIONED, TRAIN, UNHEARD
from wordbrush.errors import WordbrushError
from wordbrush.storage.tables import read_table, write_table

NAME = "captions.parquet"
SCHEMA = pa.schema(
    [
        ("image", pa.int64()),
        ("split", pa.string()),
        ("speaker", pa.string()),
        ("language", pa.string()),
    ]
)


@dataclass(frozen=True)
class Manifest:
    """The captions, in the order of their features.

    images: int64 [M], the number of each caption's picture. splits, speakers, languages: str [M].
    """

    images: np.ndarray
    splits: np.ndarray
    speakers: np.ndarray
    languages: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[dict]) -> "Manifest":
        """From rows with the columns of SCHEMA, among others."""
        columns = {name: [row[name] for row in rows] for name in SCHEMA.names}
        images = np.array(columns.pop("image"), np.int64)
        return cls(images, *(np.array(column, np.str_) for column in columns.values()))

    @classmethod
    def one_to_one(cls, speaker: str, language: str, **counts: int) -> "Manifest":
        """Caption n tells of picture n; `counts`: of each split, one after another."""
        splits = np.repeat(np.array(list(counts), np.str_), list(counts.values()))
        spoken = (np.full(len(splits), text) for text in (speaker, language))
        return cls(np.arange(len(splits)), splits, *spoken)

    def __len__(self) -> int:
        return len(self.images)

    def captions(self, split: str, language: str | None = None) -> np.ndarray:
        """The numbers of the captions of one split, in one language or all: int64, ascending."""
        chosen = self.splits == split
        return np.flatnonzero(chosen if language is None else chosen & (self.languages == language))

    def numbers(self, captions: np.ndarray, languages: Sequence[str]) -> np.ndarray:
        """The language of each of these captions, as its number among `languages` (`number_of`):
        int64 [M]."""
        kinds, which = np.unique(self.languages[captions], return_inverse=True)
        return np.array([number_of(str(one), languages) for one in kinds], np.int64)[which]

    def pictures(self, captions: np.ndarray) -> np.ndarray:
        """The numbers of the pictures of these captions, each once: int64, ascending."""
        return np.unique(self.images[captions])

    def positives(self, captions: np.ndarray, pictures: np.ndarray | None = None) -> np.ndarray:
        """Which of these pictures [N] each caption [M] tells of: bool [N, M].

        pictures: if none are given, those of the captions themselves, one a caption.
        """
        pictures = self.images[captions] if pictures is None else pictures
        return pictures[:, None] == self.images[captions][None]

    def without(self, languages: Sequence[str], share: float, seed: int) -> "Manifest":
        """The same, with captions that training does not hear, though it sees their pictures: those
        in these languages, and of the others a share, drawn at random. Their split is UNHEARD.

        Of the others, each picture keeps one.
        """
        captions = self.captions(TRAIN)
        foreign = np.isin(self.languages[captions], languages)
        others = np.random.default_rng(seed).permutation(captions[~foreign])
        kept = np.unique(self.images[others], return_index=True)[1]
        spare = np.delete(others, kept)[: round(share * len(others))]
        splits = self.splits.astype(object)
        splits[np.concatenate([captions[foreign], spare])] = UNHEARD
        return replace(self, splits=splits.astype(np.str_))

    def shuffled(self, seed: int) -> "Manifest":
        """The same, with every caption of training told of the picture of another one in its
        language: pictures and languages keep their numbers of captions, and nothing fits."""
        images, rng = self.images.copy(), np.random.default_rng(seed)
        captions = self.captions(TRAIN)
        for language in np.unique(self.languages[captions]):
            own = captions[self.languages[captions] == language]
            images[own] = self.images[rng.permutation(own)]
        return replace(self, images=images)

    def require_disjoint(self, origin: Path) -> None:
        """Raises WordbrushError where a picture has captions in more than one split."""
        for number, split in enumerate(CAPTIONED):
            for other in CAPTIONED[number + 1 :]:
                shared = set(self.images[self.splits == split]) & set(
                    self.images[self.splits == other]
                )
                if shared:
                    raise WordbrushError(
                        f"{origin}: the picture {min(shared)} has captions in {split} and in "
                        f"{other}, so the results would count what was learned by heart. Keep all "
                        "captions of a picture in one split."
                    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the table to `folder`."""
    columns = (manifest.images, manifest.splits, manifest.speakers, manifest.languages)
    rows = [
        dict(zip(SCHEMA.names, row, strict=True))
        for row in zip(*(column.tolist() for column in columns), strict=True)
    ]
    write_table(folder / NAME, rows, SCHEMA)


def first_pictures(folder: Path) -> int:
    """How many pictures of a collection are for training: they come first. Raises WordbrushError
    where the table is missing or damaged, or where other pictures lie between."""
    manifest = Manifest.of(read_table(folder / NAME, SCHEMA))
    seen = np.isin(manifest.splits, (TRAIN, UNHEARD))
    numbers = manifest.pictures(np.flatnonzero(seen))
    if not len(numbers) or numbers[-1] + 1 != len(numbers):
        raise WordbrushError(
            f"{folder / NAME}: the pictures of {TRAIN} do not come first. Make it again: dvc repro."
        )
    return len(numbers)


def read_manifest(folder: Path, pictures: int, captions: int) -> Manifest:
    """The table of `folder`.

    Raises WordbrushError where it is missing or damaged, does not fit so many pictures and
    captions, names an unknown split, or a picture lies in two splits.
    """
    path = folder / NAME
    manifest = Manifest.of(read_table(path, SCHEMA))
    if len(manifest) != captions:
        raise WordbrushError(
            f"{path} has {len(manifest)} captions, but {folder} has the features of {captions}. "
            "Make them again: dvc repro."
        )
    wrong = np.flatnonzero((manifest.images < 0) | (manifest.images >= pictures))
    if len(wrong):
        raise WordbrushError(
            f"{path}, caption {wrong[0]}: there is no picture {manifest.images[wrong[0]]}; "
            f"there are {pictures}. Make them again: dvc repro."
        )
    known = *CAPTIONED, UNHEARD
    if unknown := set(manifest.splits.tolist()) - set(known):
        raise WordbrushError(
            f"{path}: the split {min(unknown)!r} is unknown; use {', '.join(known)}."
        )
    manifest.require_disjoint(path)
    return manifest
