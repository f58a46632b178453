"""The numbers of methods one by one. Choices are made on validation: its pairs, pictures drawn for it, and words by voices of the
training; so the tests stay untouched until they are reported."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import wordbrush
from wordbrush.data.pairs import read_pairs
from wordbrush.data.splits import split_ranges
from wordbrush.davenet.encoders import Encoders, load_encoders
from wordbrush.davenet.encoding import encode_pairs
from wordbrush.davenet.kernels import all_similarities
from wordbrush.errors import WordbrushError
from wordbrush.evaluation.intervals import percent
from wordbrush.evaluation.material import Material, make_word_test
from wordbrush.evaluation.material import read_material as read_tests
from wordbrush.evaluation.paper import METHODS
from wordbrush.evaluation.protocol import beats_counterfactual, measure
from wordbrush.params import Params
from wordbrush.segmenter.annotations import read_annotations, write_annotations
from wordbrush.segmenter.network import load_segmenter
from wordbrush.segmenter.parsing import parse
from wordbrush.stages.sample_images import describable_drawings
from wordbrush.stages.synthesize_captions import write_words
from wordbrush.storage.files import open_array, whole_directory
from wordbrush.storage.locks import one_at_a_time
from wordbrush.storage.layout import Layout
from wordbrush.training.compute import device
from wordbrush.versioning.fingerprint import combined, digest

SPEAKERS = 2  # voices of the training that say the words
STREAM = 3  # of latents, added to the seed: other drawings than the samples


def measure_methods(
    params: Params, layout: Layout, mining: str, on: str, keep: Path
) -> dict[str, dict]:
    """The numbers of the methods with or without hard negatives, by `mining`, whose encoders are there.

    on: `validation` or `tests`. keep: the folder that keeps validation's drawings for the next time.
    """
    with TemporaryDirectory() as folder:
        material = (
            read_tests(params, layout)
            if on == "tests"
            else read_validation(params, layout, keep, Path(folder))
        )
    results = {}
    for name, method in METHODS.items():
        if (method.mining == "random") == (mining == "random") and layout.encoders(
            method.stage, mining
        ).is_dir():
            encoders = load_encoders(layout.encoders(method.stage, mining), device())
            scores = all_similarities(
                *encode_pairs(encoders, material.pairs, material.samples), params.davenet.similarity
            )
            results[name] = measure(material, replace(method, mining=mining), encoders, scores)
            results[name] |= (
                {"counterfactuals": counterfactual_test(material, encoders)}
                if params.samples.source == "renderer"
                else {}
            )
    if not results:
        raise WordbrushError(
            f"{layout.encoders('pretrain', mining)} is missing. Train it first: "
            f"dvc repro pretrain-davenet@{mining}."
        )
    return results


def read_validation(params: Params, layout: Layout, keep: Path, folder: Path) -> Material:
    """As many drawings as the semantic test has, from the folder `keep` if they are there; words are written to `folder`."""
    images, parsed = kept_drawings(params, layout, keep)
    write_words(folder, params, params.captions.voices[:SPEAKERS])
    words = make_word_test(params, images, parsed, folder)
    samples = np.asarray(split_ranges(params.samples)["validation"])
    return Material(
        params,
        layout,
        read_pairs(params, layout),
        read_annotations(layout.annotations),
        samples,
        words,
        real=None,
    )


def counterfactual_test(material: Material, encoders: Encoders) -> dict[str, float]:
    """Percent of rendered scenes that their captions score above the counterfactuals that differ in one attribute: of those that trained
    the encoders, and of those that did not."""
    params, counterfactuals = (
        material.params,
        open_array(material.layout.samples / "counterfactuals.npy", "uint8", (None, None, None, 3)),
    )
    sets = {"seen": np.asarray(split_ranges(params.samples)["train"]), "unseen": material.samples}
    return {
        name: round(
            float(
                percent(
                    beats_counterfactual(
                        encoders,
                        material.pairs,
                        counterfactuals,
                        samples,
                        params.davenet.similarity,
                    )
                )
            ),
            2,
        )
        for name, samples in sets.items()
    }


def kept_drawings(
    params: Params, layout: Layout, keep: Path
) -> tuple[np.ndarray, list[list[dict]]]:
    """Drawings of their own, uint8 [N, H, W, 3], and what the segmenter reads in them; kept under the hash of what makes them."""
    seed, count = params.seed + STREAM, params.samples.semantic
    code = Path(wordbrush.__file__).parent
    folder = keep / combined(
        [
            seed,
            count,
            params.samples.min_certainty,
            params.segmenter.model_dump(mode="json"),
            *map(digest, (code, layout.generator, layout.segmenter)),
        ]
    )
    with one_at_a_time(folder):
        if not folder.exists():
            _, images, _ = describable_drawings(params, layout, count, seed)
            parsed = parse(load_segmenter(layout.segmenter, device()), images)
            with whole_directory(folder) as whole:
                np.save(whole / "images.npy", images)
                write_annotations(whole / "annotations", parsed)
    return open_array(folder / "images.npy", "uint8", (count, None, None, 3)), read_annotations(
        folder / "annotations"
    )
