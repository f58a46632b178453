"""Planted maps, masks and phrases, whose pointing, overlap and naming are known."""

import numpy as np
import pytest
import torch

from wordbrush.captions.grammar import VOCABULARY
from wordbrush.evaluation.localisation import (
    Drawings,
    localise_objects,
    localise_words,
    mean_over_words,
    naming,
    overlap,
    pointing,
)
from wordbrush.evaluation.spoken import align
from wordbrush.scenes.masks import attribute_masks

RED = {"size": "small", "color": "red", "material": "metal", "shape": "cube"}
BLUE = {"size": "large", "color": "blue", "material": "metal", "shape": "cube"}
TEXT = "small red shiny block behind big blue metal cube"


def said(text: str, lengths: int = 12):
    """Each word takes one frame, from 1 on."""
    words = [
        {"word": word, "start": 1.0 + at, "end": 2.0 + at} for at, word in enumerate(text.split())
    ]
    return align([words], torch.tensor([lengths]), 1.0).as_values(
        VOCABULARY.meaning, VOCABULARY.values
    )


@pytest.fixture
def drawings() -> Drawings:
    """A red cube top left, a blue one bottom right, each a quarter of the picture."""
    instances = np.zeros((1, 8, 8), np.uint8)
    instances[0, :4, :4], instances[0, 4:, 4:] = 1, 2
    return Drawings([[RED, BLUE]], instances, attribute_masks(instances[0], [RED, BLUE])[None])


@pytest.fixture
def features() -> tuple[torch.Tensor, torch.Tensor]:
    """Two units: the first detects red and the first phrase ('red' most), the second detects blue
    and 'blue metal'."""
    images, audio = torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 12)
    images[0, 0, 0, 0] = images[0, 1, 1, 1] = 1
    audio[0, 0, 1:5] = 1
    audio[0, 0, 2] = 2
    audio[0, 1, 7:9] = 1
    return images, audio


def test_the_strongest_pixel_and_the_overlap_by_hand():
    maps = torch.tensor([[[0.0, 1.0], [0.9, 0.2]], [[-2.0, -1.0], [-3.0, -3.0]]])
    masks = torch.tensor([[[True, True], [False, False]], [[True, False], [False, False]]])
    assert pointing(maps, masks).tolist() == [True, False]
    assert overlap(maps, masks).tolist() == pytest.approx([1 / 3, 0.0])


def test_words_point_to_the_objects_that_they_fit(features, drawings):
    words = localise_words(*features, said(TEXT), drawings, VOCABULARY)
    #                small   red  metal  cube  large  blue  metal  cube
    # 'big': the map is 0 everywhere, and red comes first
    assert words.hit.tolist() == [True] * 4 + [False] + [True] * 3
    assert words.area.tolist() == [0.25, 0.25, 0.5, 0.5] * 2
    assert words.share.tolist() == [0.5, 0.5, 1.0, 1.0] * 2
    assert words.contested.tolist() == [True, True, False, False] * 2
    assert words.attribute.tolist() == [3, 2, 1, 0] * 2
    assert (
        words.overlap[4] == 0
        and (words.overlap[[0, 1, 5]] > 0.5).all()
        and (words.overlap[[2, 3]] < 0.5).all()
    )


def test_words_that_fit_no_object_are_left_out(features, drawings):
    assert (
        len(localise_words(*features, said("small green shiny block"), drawings, VOCABULARY).hit)
        == 3
    )


def test_captions_of_empty_floors_give_nothing_to_measure(features):
    empty = Drawings([[]], np.zeros((1, 8, 8), np.uint8), np.zeros((1, 4, 8, 8), np.uint8))
    words = localise_words(*features, said("there is nothing on the floor"), empty, VOCABULARY)
    assert (
        len(words.hit) == len(words.overlap) == 0
        and mean_over_words(words.caption, words.hit, words.area, 10, 0) is None
    )


def test_objects_fire_while_they_are_named(features, drawings):
    images, audio = features
    found = localise_objects(images, audio, torch.tensor([12]), said(TEXT), drawings, VOCABULARY)
    assert found.caption.tolist() == [0, 0] and found.hit.tolist() == [True, True]
    assert found.share.tolist() == pytest.approx([4 / 12, 4 / 12])
    audio[0, 0, 11] = 3  # silence excites red most
    assert localise_objects(
        images, audio, torch.tensor([12]), said(TEXT), drawings, VOCABULARY
    ).hit.tolist() == [False, True]
    assert localise_objects(
        images, audio, torch.tensor([11]), said(TEXT, 11), drawings, VOCABULARY
    ).hit.tolist() == [True, True]


def test_only_named_objects_in_company_count(features):
    alone = Drawings(
        [[RED]],
        np.ones((1, 8, 8), np.uint8),
        attribute_masks(np.ones((8, 8), np.uint8), [RED])[None],
    )
    found = localise_objects(*features, torch.tensor([12]), said(TEXT), alone, VOCABULARY)
    assert (
        len(found.hit) == 0
        and mean_over_words(found.caption, found.hit, found.share, 10, 0) is None
    )
    alike = naming(
        said("small red metal cube and tiny red shiny block and big blue"),
        [[RED, RED, BLUE]],
        14,
        VOCABULARY,
    )
    # the phrase that is cut off names no object
    assert [(caption, number) for caption, number, _ in alike] == [(0, 0), (0, 1)]
    assert [np.flatnonzero(when).tolist() for _, _, when in alike] == [[1, 2, 3, 4, 6, 7, 8, 9]] * 2


def test_the_mean_is_over_words_and_the_interval_over_captions():
    caption, hit = torch.tensor([0, 0, 0, 4]), torch.tensor([True, True, True, False])
    found = mean_over_words(caption, hit, torch.tensor([0.2, 0.2, 0.2, 0.6]), 2000, 0)
    assert found == {"value": 75.0, "chance": 30.0, "low": 0.0, "high": 100.0}
