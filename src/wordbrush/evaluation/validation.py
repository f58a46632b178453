"""The numbers of methods one by one, as `wordbrush measure` prints them.

Choices are made on validation: its pairs, pictures drawn for it, words by voices of the training,
captions of these pictures that test composition, and the engines of captions.validation_voices. So
the tests stay untouched until they are reported.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import wordbrush
from wordbrush.captions.composition import Subjects, write_composition, write_script
from wordbrush.captions.lines import in_first
from wordbrush.captions.words import write_words
from wordbrush.data.pairs import read_pairs
from wordbrush.evaluation import composition
from wordbrush.evaluation.cases import Cases, read_cases
from wordbrush.evaluation.composed import in_short
from wordbrush.evaluation.engines import EngineTests, summaries
from wordbrush.evaluation.matching import make_word_test
from wordbrush.evaluation.material import (
    Material,
    language_tested,
    read_material,
    vocabulary_tested,
)
from wordbrush.evaluation.methods import find_methods
from wordbrush.evaluation.protocol import read_subject, run_tests
from wordbrush.evaluation.real_images import counterfactual_test
from wordbrush.gan.drawings import describable_drawings
from wordbrush.params import GROUPS, Params
from wordbrush.segmenter.annotations import read_annotations, write_annotations
from wordbrush.segmenter.network import load_segmenter
from wordbrush.segmenter.parsing import describable, parse
from wordbrush.storage.files import open_array, whole_directory
from wordbrush.storage.layout import Layout
from wordbrush.storage.locks import one_at_a_time
from wordbrush.training.compute import device
from wordbrush.versioning.fingerprint import combined, digest

SPEAKERS = 2  # voices of the training that say the words
STREAM = 3  # of latents, added to the seed: other drawings than the samples


def measure_methods(
    params: Params, layout: Layout, mining: str, on: str, keep: Path
) -> dict[str, dict[str, Any]]:
    """The numbers of the methods of one mining whose encoders are there, by name.

    on: `validation` or `tests`. keep: the folder that keeps validation's drawings for the next
    time. Raises WordbrushError where no encoders are there.
    """
    methods = find_methods(layout, [mining], edits=params.graph != "recorded")
    groups = tuple(GROUPS) if on == "tests" else ("validation",)
    with TemporaryDirectory() as folder:
        material = (
            read_material(params, layout)
            if on == "tests"
            else read_validation(params, layout, keep, Path(folder))
        )
    engine_tests = EngineTests(material, groups)
    results: dict[str, dict[str, Any]] = {}
    for name, method in methods.items():
        subject = read_subject(material, layout.encoders(method.stage, mining), method)
        results[name] = {**run_tests(material, subject)}
        if engine_tests.speech:
            results[name]["groups"] = summaries(engine_tests.measure(subject), params)
        if material.cases is not None:
            found = composition.measure(material.cases, subject.encoders, params)
            results[name]["composition"] = in_short(found)
        if params.graph == "drawn" and params.samples.source == "renderer":
            results[name]["counterfactuals"] = counterfactual_test(material, subject.encoders)
    return results


def read_validation(params: Params, layout: Layout, keep: Path, folder: Path) -> Material:
    """The validation pairs, and as many drawings as the semantic test has.

    Drawings come from the folder `keep` if they are there; speech is written to `folder`. Neither
    is made where the data has no generator or no segmenter; those of a collection were left by
    another graph.
    """
    parsed, words, cases, vocabulary = None, None, None, vocabulary_tested(params)
    drawn = params.graph == "drawn"
    if drawn and layout.annotations.is_dir():
        parsed = read_annotations(layout.annotations)
    if drawn and layout.generator.is_dir() and layout.segmenter.is_dir():
        images, objects = kept_drawings(params, layout, keep)
        voices = in_first(params.captions).voices[:SPEAKERS]
        write_words(folder, params.captions, voices, vocabulary)
        words = make_word_test(params, vocabulary, images, objects, folder)
        cases = compose(params, Layout(folder), images, objects)
    pairs = read_pairs(layout)
    samples = pairs.manifest.captions("validation", language_tested(params))
    return Material(params, layout, pairs, samples, vocabulary, parsed, words, cases=cases)


def compose(
    params: Params, layout: Layout, images: np.ndarray, parsed: list[list[dict]]
) -> Cases | None:
    """Cases of composition on drawings; their speech is written to `layout`."""
    sure = params.segmenter.min_confidence, params.evaluation.min_certainty
    drawings = {k: things for k, things in enumerate(parsed) if describable(things, *sure)}
    subjects, captions = Subjects(drawings, [], []), in_first(params.captions)
    count = params.evaluation.composition_pairs
    script = write_script(subjects, captions, captions.voices, count, params.seed + STREAM)
    write_composition(layout.test_speech / "composition", captions, script)
    return read_cases(layout, images)


def kept_drawings(
    params: Params, layout: Layout, keep: Path
) -> tuple[np.ndarray, list[list[dict]]]:
    """Drawings of validation's own, uint8 [N, H, W, 3], and what the segmenter reads in them; kept
    under the hash of what makes them."""
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
    images = open_array(folder / "images.npy", "uint8", (count, None, None, 3))
    return images, read_annotations(folder / "annotations")
