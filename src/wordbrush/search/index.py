"""An opened index: candidates by faiss, then the exact order of these by MISA.

faiss holds what pictures answer to each anchor (`anchors.maxima`) in memory. The cells of pictures
stay on disk, memory-mapped; a query reads those of its candidates alone.
"""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.kernels import similarities
from wordbrush.errors import FileFault, WordbrushError, advising, optional_packages
from wordbrush.model import Model
from wordbrush.model.model import DRAWN
from wordbrush.process import usable_cores
from wordbrush.search.anchors import tally
from wordbrush.search.config import (
    ANCHOR_FILE,
    MANIFEST,
    REMEDY,
    IndexConfig,
    file_digest,
    model_digest,
    read_anchors,
)
from wordbrush.search.parts import StoredPart
from wordbrush.search.quantised import Quantised
from wordbrush.search.sources import drawn
from wordbrush.storage.configs import read_config
from wordbrush.training.memory import free_memory

ARRAYS = 4  # of a part
OWN_FILES = 256  # that the process holds open besides

with optional_packages():
    import faiss

CANDIDATES = 1000  # that are ranked exactly (docs/performance.md)
ADDED = 65536  # rows given to faiss at a time


@dataclass(frozen=True)
class Found:
    """numbers: of pictures, those that fit best first. features: theirs [N, D, h, w]."""

    numbers: list[int]
    features: Tensor


class Index:
    """Pictures that a sentence finds. about: its manifest."""

    def __init__(self, about: IndexConfig, anchors: Tensor, parts: Sequence[StoredPart]):
        self.about, self.anchors, self.parts = about, anchors, parts
        self.stops = list(accumulate(len(part.maxima) for part in parts))
        self.engine = _engine(parts, about.anchors)

    def __len__(self) -> int:
        return self.stops[-1]

    def find(self, speech: Tensor, count: int, candidates: int = CANDIDATES) -> Found:
        """The `count` pictures that fit an utterance [D, t] best, of so many candidates."""
        numbers = self.candidates(speech, max(candidates, count))
        features = self.features(numbers)
        heard = Encoded(speech[None], torch.tensor([speech.shape[1]]))
        scores = similarities(Encoded(features), heard, "MISA")[:, 0]
        best = scores.argsort(descending=True, stable=True)[:count]
        return Found(numbers[best.numpy()].tolist(), features[best])

    def candidates(self, speech: Tensor, count: int) -> np.ndarray:
        """The numbers of the pictures whose anchors fit an utterance [D, t] best, ascending."""
        query = tally(speech, self.anchors)[None].numpy()
        _, numbers = self.engine.search(query, min(count, len(self)))
        return np.sort(numbers[0])

    def features(self, numbers: Sequence[int] | np.ndarray) -> Tensor:
        """Of pictures with ascending numbers: [N, D, h, w]."""
        found = [
            (part.quantised.cells[rows], part.quantised.scales[rows])
            for part, rows in self._rows(numbers)
        ]
        cells, scales = (np.concatenate(each) for each in zip(*found, strict=True))
        return Quantised(cells, scales).features(self.about.height)

    def pictures(self, model: Model, numbers: Sequence[int]) -> np.ndarray:
        """uint8 [N, S, S, 3], of ascending numbers; drawings are drawn again."""
        found = []
        for part, rows in self._rows(numbers):
            if part.pictures is not None:
                found.append(part.pictures[rows])
                continue
            assert part.latents is not None
            latents = part.latents[rows]
            room = np.zeros((-len(latents) % DRAWN, latents.shape[1]), np.float32)
            found.append(drawn(model, np.concatenate([latents, room]))[: len(latents)])
        return np.concatenate(found)

    def _rows(self, numbers: Sequence[int] | np.ndarray) -> Iterator[tuple[StoredPart, np.ndarray]]:
        """The parts that hold these pictures, each with their rows in it."""
        wanted = np.asarray(numbers)
        owners = np.searchsorted(self.stops, wanted, side="right")
        for owner in np.unique(owners).tolist():
            part = self.parts[owner]
            yield part, wanted[owners == owner] - (self.stops[owner] - len(part.maxima))


def _engine(parts: Sequence[StoredPart], anchors: int) -> Any:
    """Exact inner products of float16 maxima. Each core searches some of the parts."""
    sharded: Any = faiss.IndexShards  # whose stub lacks the arguments
    shards = sharded(anchors, True, True)  # threaded; numbers follow one another
    per_core = -(-len(parts) // usable_cores())
    for first in range(0, len(parts), per_core):
        one = faiss.IndexScalarQuantizer(
            anchors, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        for part in parts[first : first + per_core]:
            for at in range(0, len(part.maxima), ADDED):
                one.add(part.maxima[at : at + ADDED].astype(np.float32))
        shards.add_shard(one)
    return shards


def open_index(folder: Path, model_folder: Path) -> Index:
    """Read an index, after comparing every byte with its manifest.

    Raises WordbrushError: it is no index, is damaged, is of another model or of a newer version, or
    needs more memory than is free.
    """
    if not (folder / MANIFEST).is_file():
        raise WordbrushError(
            f"{folder} holds no {MANIFEST}: name a folder that wordbrush index has finished."
        )
    with advising(REMEDY):
        about = read_config(folder / MANIFEST, IndexConfig)
        if about.model != model_digest(model_folder):
            raise WordbrushError(
                f"{folder} is an index of another model than {model_folder}: name that model, or "
                "build an index of this one (wordbrush index)."
            )
        _require_memory(folder, 2 * about.anchors * about.pictures)
        _require_intact(folder, about)
        _allow_files(len(about.parts))
        anchors = read_anchors(folder, about.embedding)
        shape = (about.height * about.width, about.embedding, about.anchors)
        parts = [StoredPart.open(folder / one.name, shape, about.side) for one in about.parts]
        counts = [len(part.maxima) for part in parts]
        if counts != [one.pictures for one in about.parts] or sum(counts) != about.pictures:
            raise FileFault(f"{folder / MANIFEST} names other pictures than there are.")
    return Index(about, anchors, parts)


def _require_memory(folder: Path, needed: int) -> None:
    """Raises WordbrushError where faiss would need more memory than is free."""
    if needed > free_memory():
        raise WordbrushError(
            f"{folder} needs {needed / 2**30:.1f} GiB of memory, more than is free: search it on a "
            "larger machine, or index fewer pictures."
        )


def _allow_files(parts: int) -> None:
    """Let this process open the files of so many parts: each memory-mapped array holds one.

    Raises WordbrushError where the system allows fewer.
    """
    if sys.platform == "win32":
        return
    import resource

    needed = OWN_FILES + ARRAYS * parts
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise WordbrushError(
                f"an index of {parts} parts keeps {needed} files open, and this system allows "
                f"{hard}: raise the limit (ulimit -n)."
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _require_intact(folder: Path, about: IndexConfig) -> None:
    """Raises FileFault, which names it, where a file is missing or has other bytes."""
    known = {folder / ANCHOR_FILE: about.sha256}
    for part in about.parts:
        known |= {folder / part.name / name: digest for name, digest in part.sha256.items()}
    with ThreadPoolExecutor(usable_cores()) as pool:
        for path, digest in zip(known, pool.map(file_digest, known), strict=True):
            if digest != known[path]:
                raise FileFault(f"{path} is damaged: its bytes are not those that were written.")
