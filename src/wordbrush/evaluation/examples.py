"""What the report draws of some test samples: edits, retrievals and matchmaps."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from wordbrush.data.images import to_uint8
from wordbrush.data.recordings import read_shards
from wordbrush.davenet.encoders import load_encoders
from wordbrush.davenet.encoding import encode_pairs
from wordbrush.davenet.matchmap import matchmap, salient_location
from wordbrush.evaluation.edit_success import batch_of, editor_of
from wordbrush.evaluation.material import Material
from wordbrush.evaluation.methods import Method
from wordbrush.evaluation.spoken import align
from wordbrush.storage.files import write_json
from wordbrush.training.compute import device


def write_examples(
    folder: Path, material: Material, methods: dict[str, Method], best: str, scores: Tensor
) -> None:
    """Write examples.json and its arrays to `folder`; `scores` [N, N] are of the method `best`."""
    chosen = choose(material)
    spoken = {
        row["sample"]: row
        for row in read_shards(material.layout.speech, ["sample", "text", "words"])
    }
    last = {method.edits: method for method in methods.values() if method.edits}
    edits = {
        kind: write_edits(folder, material, method, np.array(chosen))
        for kind, method in last.items()
    }
    words = [spoken[sample]["words"] for sample in chosen]
    maps = write_matchmaps(folder, material, methods[best], np.array(chosen), words)
    pictures = material.pairs.manifest.images
    columns = np.searchsorted(material.samples, chosen)
    found = material.samples[scores[:, columns].argmax(0).numpy()]
    write_json(
        folder / "examples.json",
        {
            "best": best,
            "samples": chosen,
            "pictures": pictures[chosen].tolist(),
            "edits": edits,
            "lengths": maps["lengths"],
            "selected": pictures[found].tolist(),
            "texts": [spoken[sample]["text"] for sample in chosen],
            "words": words,
            "maps": maps["words"],
        },
    )


def choose(material: Material) -> list[int]:
    """The first captions of the test whose pictures show something, where that is known."""
    count, every = material.params.evaluation.examples, material.samples.tolist()
    if material.parsed is None:
        return every[:count]
    pictures = material.pairs.manifest.images
    showing = [caption for caption in every if material.parsed[pictures[caption]]]
    return (showing or every)[:count]


@dataclass(frozen=True)
class EditedPictures:
    """Edits of some captions' pictures, as a method's training makes them.

    pictures: edited, uint8 [N, H, W, 3]. valid: whether each differs enough to train on.
    cells: the salient place of each, as shares of the picture. clusters: the concept of each
    targeted edit.
    """

    pictures: np.ndarray
    valid: list[bool]
    cells: list[list[float]]
    clusters: list[int] | None


def edit_pictures(material: Material, method: Method, samples: np.ndarray) -> EditedPictures:
    """Edit the pictures of the captions with these numbers, for the method's own encoders."""
    encoders = load_encoders(material.layout.encoders(method.stage, method.mining), device())
    drawn: list[Tensor] = []
    batch = batch_of(material, encoders, samples)
    edited = editor_of(material, method, drawn)(batch)
    seen, heard = batch.seen.features, batch.heard
    cells, _ = salient_location(seen, heard.features, heard.frame_counts)
    return EditedPictures(
        to_uint8(edited.pictures),
        edited.valid.tolist(),
        ((cells + 0.5) / seen.shape[-1]).tolist(),
        drawn[0].tolist() if drawn else None,
    )


def write_edits(
    folder: Path, material: Material, method: Method, samples: np.ndarray
) -> dict[str, Any]:
    """Edit the samples as the method's training did: where, as shares of the picture, and which
    concept."""
    edited = edit_pictures(material, method, samples)
    np.save(folder / f"{method.edits}_edits.npy", edited.pictures)
    return {"cells": edited.cells, "clusters": edited.clusters}


def write_matchmaps(
    folder: Path,
    material: Material,
    method: Method,
    samples: np.ndarray,
    words: Sequence[list[dict]],
) -> dict[str, Any]:
    """matchmaps.npy [N, h, w, t], and word_maps.npy [W, h, w], their means while a word is said.

    Returns the lengths [N] of speech, and of each word the example and the word itself.
    """
    encoders = load_encoders(material.layout.encoders(method.stage, method.mining), device())
    seen, heard = encode_pairs(encoders, material.pairs, samples)
    maps, lengths = matchmap(seen.features, heard.features).clamp(min=0), heard.frame_counts
    np.save(folder / "matchmaps.npy", maps.half().numpy())
    found: dict[str, Any] = {"lengths": lengths.tolist(), "words": []}
    if not any(words):
        return found
    said = align(words, lengths, encoders.audio.stride * material.pairs.speech.hop)
    at_words = said.sums(maps.flatten(1, 2).transpose(1, 2)) / (said.stop - said.first)[:, None]
    np.save(folder / "word_maps.npy", at_words.unflatten(1, maps.shape[1:3]).half().numpy())
    found["words"] = [
        {"example": row, "word": said.labels[label]}
        for row, label in zip(said.caption.tolist(), said.label.tolist(), strict=True)
    ]
    return found
