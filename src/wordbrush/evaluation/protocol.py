"""The tests of a method, as far as the data has what they need.

All methods see the same pictures, words and edits, and so differ in their encoders alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from wordbrush.davenet.encoders import Encoders, load_encoders
from wordbrush.davenet.encoding import encode_pairs
from wordbrush.davenet.kernels import all_similarities
from wordbrush.evaluation import edit_success, known, real_images, retrieval, semantic
from wordbrush.evaluation.interface import Subject, Test
from wordbrush.evaluation.material import Material
from wordbrush.evaluation.methods import Method
from wordbrush.evaluation.results import Result
from wordbrush.training.compute import device

TESTS = (semantic.TEST, retrieval.TEST, edit_success.TEST, real_images.TEST, known.TEST)


def read_subject(material: Material, folder: Path, method: Method | None = None) -> Subject:
    """The encoders in a folder, and what they make of the material's samples."""
    return subject_of(material, load_encoders(folder, device()), method)


def subject_of(material: Material, encoders: Encoders, method: Method | None = None) -> Subject:
    """These encoders, and what they make of the material's samples."""
    features = encode_pairs(encoders, material.pairs, material.samples)
    scores = all_similarities(*features, encoders.config.similarity)
    return Subject(method, encoders, features, scores)


def left_out(material: Material, tests: Sequence[Test] = TESTS) -> dict[str, str]:
    """The tests that the data cannot have, by name, with what they would need."""
    return {test.name: test.needs for test in tests if not test.fits(material)}


def run_tests(material: Material, subject: Subject, tests: Sequence[Test] = TESTS) -> Result:
    """All numbers of a subject: the values of each test that fits, and `intervals`."""
    found = [test.run(material, subject) for test in tests if test.fits(material)]
    values, intervals = (
        {name: one for numbers in found for name, one in numbers[part].items()} for part in range(2)
    )
    return cast(Result, {**values, "intervals": intervals})  # as each test says what it returns
