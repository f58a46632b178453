"""Features of many utterances, stored without padding and memory-mapped; padding is silence."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wordbrush.audio.config import FIRST_NORMALISATION, FeatureConfig, Normalisation
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.data.manifest import Manifest, write_manifest
from wordbrush.errors import WordbrushError
from wordbrush.storage.files import open_array, read_json, whole_directory, write_json
from wordbrush.storage.growing import write_growing
from wordbrush.storage.validation import Count
from wordbrush.storage.wanted import want


def lengths_told(lengths: np.ndarray, config: FeatureConfig) -> dict[str, float]:
    """Of captions with so many frames [N]: `seconds` of one, mean, and how many were cut."""
    return {
        "seconds": round(float(lengths.mean()) * config.hop_ms / 1000, 3),
        "truncated": int((lengths >= config.max_frames).sum()),
    }


def write_features(
    folder: Path,
    features: Iterable[np.ndarray],
    config: FeatureConfig,
    manifest: Manifest | None = None,
) -> None:
    """Store features of many utterances: frames.npy, offsets.npy and features.json.

    features: of each utterance, written as they come, so that they need not fit into memory.
    manifest: of captions, which is stored with their features.
    """
    with whole_directory(folder) as scratch:
        lengths = write_growing(scratch / "frames.npy", features)
        np.save(scratch / "offsets.npy", np.cumsum([0, *lengths]))
        about = FeatureFile.taken_from(config, sample_rate=SAMPLE_RATE)
        write_json(scratch / "features.json", about.model_dump())
        if manifest is not None:
            write_manifest(scratch, manifest)


@dataclass(frozen=True)
class Crops:
    """Which captions of a batch are cropped at random (ours: crops teach words).

    share: of the captions. A crop lasts `min_seconds` or more, and nothing is longer than
    `max_seconds`, but where a picture is edited: a batch costs what its longest utterance costs.
    """

    share: float
    min_seconds: float
    max_seconds: float


class FeatureFile(FeatureConfig):
    """features.json: how the frames were made of sound with `sample_rate` samples a second."""

    normalisation: Normalisation = FIRST_NORMALISATION
    sample_rate: Count


class FeatureStore:
    """Features of many utterances. Raises WordbrushError for missing or damaged files."""

    def __init__(self, folder: Path):
        about = read_json(folder / "features.json", FeatureFile)
        self.config = FeatureConfig.taken_from(about)
        self.bands, self.hop = about.bands, about.hop_ms / 1000
        self.silence = round(about.silence_ms / about.hop_ms)
        self.frames = open_array(folder / "frames.npy", "float16", (None, self.bands))
        self.offsets = np.array(open_array(folder / "offsets.npy", "int64", (None,)))
        if (
            self.offsets[0] != 0
            or self.offsets[-1] != len(self.frames)
            or (np.diff(self.offsets) <= 0).any()
        ):
            raise WordbrushError(
                f"{folder}: offsets.npy does not fit frames.npy; make them again: dvc repro."
            )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Frames of every utterance: int64 [N]."""
        return np.diff(self.offsets)

    def __getitem__(self, index: int) -> np.ndarray:
        """float32 [T, bands]"""
        return self.frames[self.offsets[index] : self.offsets[index + 1]].astype(np.float32)

    def batch(self, indices: np.ndarray, width: int = 0) -> tuple[Tensor, Tensor]:
        """Whole utterances, padded with silence to `width` frames or more.

        Returns features [B, bands, T] and the lengths of what counts [B].
        """
        return self._gather(self.offsets[indices], self.lengths[indices], margin=0, width=width)

    def crops(
        self,
        indices: np.ndarray,
        crops: Crops,
        rng: np.random.Generator,
        whole: np.ndarray | None = None,
    ) -> tuple[Tensor, Tensor]:
        """As `batch`, but a share of the utterances is cropped, with silence around all of them.

        Short crops are likelier (a uniform number, squared), since they often hold one word. whole:
        bool [B], utterances that are neither cropped nor cut; more of the others are cropped, so
        that the share stays as it is, where there are enough of them.
        """
        starts, lengths = self.offsets[indices], self.lengths[indices]
        kept_whole = np.zeros(len(starts), bool) if whole is None else whole
        share = crops.share * len(starts) / max(1, (~kept_whole).sum())
        shortest = np.minimum(round(crops.min_seconds / self.hop), lengths)
        cropped = (rng.random(len(starts)) < share) & ~kept_whole
        longer = (lengths - shortest) * rng.random(len(starts)) ** 2
        kept = np.where(cropped, shortest + longer.round().astype(int), lengths)
        longest = np.where(kept_whole, lengths, round(crops.max_seconds / self.hop))
        kept = np.minimum(kept, longest)
        offsets = rng.integers(0, lengths - kept + 1)
        return self._gather(starts + offsets, kept, margin=self.silence)

    def _gather(
        self, starts: np.ndarray, lengths: np.ndarray, margin: int, width: int = 0
    ) -> tuple[Tensor, Tensor]:
        want(self.frames, starts, starts + lengths)
        width = max(width, int(lengths.max()) + 2 * margin)
        # float16 here: NumPy takes ten times as long to convert to float32 as PyTorch
        features = np.zeros((len(starts), width, self.bands), np.float16)
        for row, (start, length) in enumerate(zip(starts, lengths, strict=True)):
            features[row, margin : margin + length] = self.frames[start : start + length]
        counted = torch.from_numpy(lengths + 2 * margin)
        return torch.from_numpy(features).float().transpose(1, 2), counted
