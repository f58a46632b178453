"""Twins: pictures with captions that stand in a batch beside pictures of the training.

The twin of a drawing is an edit of it, with a caption of what it then shows. Two twins of a drawing
may be rivals: they have the same objects, one of which is in front of another in one picture and
behind it in the other. Rivals stand beside each other.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from wordbrush.data.speech import FeatureStore
from wordbrush.errors import WordbrushError
from wordbrush.storage.files import open_array, require_counts
from wordbrush.storage.tables import read_table, write_table

NAME = "twins.parquet"
NO_RIVAL = -1
SCHEMA = pa.schema([("drawing", pa.int64()), ("rival", pa.int64()), ("certainty", pa.float64())])


@dataclass(frozen=True)
class TwinPairs:
    """T pictures, each with a caption.

    images: uint8 [T, H, W, 3]. speech: features of the T captions. drawings: int64 [T], ascending:
    the number of the picture that each was made of, and stands beside. rivals: int64 [T], the
    number of the twin that it stands beside in its place; NO_RIVAL where there is none. certainty:
    float32 [T] in [0, 1].
    """

    images: np.ndarray
    speech: FeatureStore
    drawings: np.ndarray
    rivals: np.ndarray
    certainty: np.ndarray

    def __len__(self) -> int:
        return len(self.drawings)

    def of(self, pictures: np.ndarray, turn: int) -> np.ndarray:
        """The number of each picture's twin [P] in this turn, counted from 0: every turn has
        another, and after the last the first follows again. Each picture has one."""
        first = np.searchsorted(self.drawings, pictures)
        count = np.searchsorted(self.drawings, pictures, side="right") - first
        return first + turn % count


def write_twins(
    folder: Path, drawings: list[int], rivals: list[int], certainty: list[float]
) -> None:
    """Write what each twin stands beside, and how certain it is."""
    rows = [
        {"drawing": drawing, "rival": rival, "certainty": sure}
        for drawing, rival, sure in zip(drawings, rivals, certainty, strict=True)
    ]
    write_table(folder / NAME, rows, SCHEMA)


def read_twins(folder: Path, images: np.ndarray, trained: np.ndarray) -> TwinPairs:
    """The twins of `folder`.

    images: the pictures that they stand beside, uint8 [N, H, W, 3]. trained: the numbers of those
    of the training. Raises WordbrushError where a part is missing, damaged, or does not fit these.
    """
    rows = read_table(folder / NAME, SCHEMA)
    if not rows:
        raise WordbrushError(
            f"{folder} has no twins, and twins.kind asks for them: make them again: dvc repro."
        )
    pictures = open_array(folder / "images.npy", "uint8", (None, *images.shape[1:]))
    speech = FeatureStore(folder / "features")
    require_counts(folder, pictures=len(pictures), captions=len(speech), twins=len(rows))
    drawings = np.array([row["drawing"] for row in rows], np.int64)
    strange = drawings[~np.isin(drawings, trained)]
    if len(strange) or (np.diff(drawings) < 0).any():
        what = f"the picture {strange[0]} is not of the training" if len(strange) else "disordered"
        raise WordbrushError(f"{folder / NAME}: {what}. Make it again: dvc repro.")
    rivals = np.array([row["rival"] for row in rows], np.int64)
    beside = drawings[np.clip(rivals, 0, len(rows) - 1)]
    if ((rivals != NO_RIVAL) & ((rivals < 0) | (rivals >= len(rows)) | (beside != drawings))).any():
        raise WordbrushError(
            f"{folder / NAME}: a twin's rival is not of the same drawing. Make it again: dvc repro."
        )
    certainty = np.array([row["certainty"] for row in rows], np.float32)
    return TwinPairs(pictures, speech, drawings, rivals, certainty)
