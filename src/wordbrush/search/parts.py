"""A part of an index: a folder with what is kept of some pictures, written whole or not at all."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wordbrush.errors import FileFault
from wordbrush.search.config import PartRecord, file_digest
from wordbrush.search.quantised import Quantised
from wordbrush.storage.files import open_array, read_json, whole_directory, write_json

RECORD = "part.json"
CELLS, SCALES, MAXIMA, PICTURES, LATENTS = "cells", "scales", "maxima", "pictures", "latents"


@dataclass(frozen=True)
class StoredPart:
    """cells, scales: `Quantised`. maxima: float16 [N, A]. pictures: uint8 [N, S, S, 3], or None
    of drawings, which have latents float32 [N, Z]."""

    quantised: Quantised
    maxima: np.ndarray
    pictures: np.ndarray | None
    latents: np.ndarray | None

    def write(self, folder: Path) -> PartRecord:
        """Raises WordbrushError where the disk is full."""
        arrays = {
            CELLS: self.quantised.cells,
            SCALES: self.quantised.scales,
            MAXIMA: self.maxima,
            PICTURES: self.pictures,
            LATENTS: self.latents,
        }
        with whole_directory(folder) as scratch:
            digests = {}
            for name, array in arrays.items():
                if array is not None:
                    path = scratch / f"{name}.npy"
                    np.save(path, array)
                    digests[path.name] = file_digest(path)
            record = PartRecord(name=folder.name, pictures=len(self.maxima), sha256=digests)
            write_json(scratch / RECORD, record.model_dump())
        return record

    @classmethod
    def open(cls, folder: Path, shape: tuple[int, int, int], side: int) -> "StoredPart":
        """Memory-mapped. shape: cells, D and A of the index. Raises FileFault: it is damaged."""
        cells, embedding, anchors = shape
        quantised = Quantised(
            open_array(folder / f"{CELLS}.npy", "int8", (None, cells, embedding)),
            open_array(folder / f"{SCALES}.npy", "float16", (None, cells)),
        )
        maxima = open_array(folder / f"{MAXIMA}.npy", "float16", (None, anchors))
        pictures = latents = None
        if (folder / f"{LATENTS}.npy").is_file():
            latents = open_array(folder / f"{LATENTS}.npy", "float32", (None, None))
        else:
            pictures = open_array(folder / f"{PICTURES}.npy", "uint8", (None, side, side, 3))
        return cls(quantised, maxima, pictures, latents)


def kept_record(folder: Path) -> PartRecord | None:
    """Of a part that an earlier build wrote; None where there is none, or where it is damaged."""
    try:
        record = PartRecord(**read_json(folder / RECORD, dict))
    except (FileFault, ValueError):
        return None
    whole = all(
        (folder / name).is_file() and file_digest(folder / name) == digest
        for name, digest in record.sha256.items()
    )
    return record if whole else None
