"""Drawings and their edits, by the model in the repository."""

import base64
import itertools

import numpy as np
import pytest
import torch

from tests.explorer.servers import ROOT
from wordbrush.errors import WordbrushError
from wordbrush.explorer.easel import LAYER, Easel, Edit, Recipe
from wordbrush.explorer.server import SEED
from wordbrush.model import load_model

DRAWINGS = 96


@pytest.fixture(scope="module")
def easel() -> Easel:
    model = load_model(ROOT / "models/small")
    return Easel(model, SEED, model.see(model.draw(DRAWINGS, SEED)))


def pictures(answer: dict) -> np.ndarray:
    side = answer["side"]
    data = np.frombuffer(base64.b64decode(answer["pictures"]), np.uint8)
    return data.reshape(2, side, side, 3)


def concept_of(easel: Easel, word: str) -> int:
    """The concept that sees what a word says best."""
    seen = [one["seen"] for one in easel.model.meanings]
    return max(range(len(seen)), key=lambda k: (seen[k]["label"] == word, seen[k]["f1"]))


def edit(easel: Easel, word: str, operation: str, cell: tuple[int, int] | None, units: int) -> Edit:
    number = concept_of(easel, word)
    return Edit(concept=number, operation=operation, units=units, cell=cell)


def test_whole_positions_are_the_drawings_of_the_model(easel):
    own = easel.model.draw(3, SEED)
    for number, picture in enumerate(own):
        answer = easel.draw(Recipe(position=float(number), edits=[]))
        before, after = pictures(answer)
        assert np.abs(before.astype(int) - picture).max() <= 2  # rounding, in another batch
        assert np.array_equal(before, after) and not answer["changed"]
        assert answer["read"][0] == answer["read"][1]


def test_a_walk_turns_from_one_latent_to_the_next_evenly(easel):
    steps = torch.cat([easel.latent(3 + share / 4) for share in range(5)])
    ends = easel.latents[3:5]
    assert torch.cosine_similarity(steps[[0, 4]], ends).min() > 0.9999
    turns = [torch.cosine_similarity(*pair, dim=0) for pair in itertools.pairwise(steps)]
    assert max(turns) - min(turns) < 0.1
    last = float(DRAWINGS - 1)
    assert torch.cosine_similarity(easel.latent(last), easel.latents[-1:]).item() > 0.9999
    with pytest.raises(WordbrushError, match="ends at 95"):
        easel.latent(last + 0.1)


def test_edits_stay_at_their_spot_and_change_the_units_that_they_name(easel):
    h4 = easel.h4[[1]]
    for operation, units in (("ablate", 16), ("insert", 16), ("transplant", 96)):
        one = edit(easel, "blue", operation, (4, 1), units)
        differ = (easel.edited(h4, one) != h4)[0]  # [C, h, w]
        where = differ.any(0).nonzero()
        assert len(where) == 9 and where.tolist()[0] == [3, 0] and where.tolist()[-1] == [5, 2]
        named = set(easel.order[one.concept][:units])
        assert set(differ.flatten(1).any(1).nonzero().flatten().tolist()) <= named


def test_the_units_that_the_model_names_come_first(easel):
    for order, meaning in zip(easel.order, easel.model.meanings, strict=True):
        assert order[: len(meaning["gan_units"])] == meaning["gan_units"]
        assert sorted(order) == list(range(easel.h4.shape[1]))
    assert easel.layer == LAYER


def test_a_red_cube_becomes_blue_and_a_description_says_so(easel):
    before = easel.draw(Recipe(position=1.0, edits=[]))["read"][0]
    (cube,) = (one for one in before if "red metal cube" in one["words"])
    change = edit(easel, "blue", "transplant", tuple(cube["cell"]), easel.h4.shape[1])
    answer = easel.draw(Recipe(position=1.0, edits=[change]))
    assert answer["changed"]
    assert any("blue" in one["words"] for one in answer["read"][1])
    assert not any("red" in one["words"].split() for one in answer["read"][1])
    lights = np.frombuffer(base64.b64decode(answer["lights"]), np.uint8)
    blue = lights.reshape(len(easel.order), -1)[change.concept]
    row, column = divmod(int(blue.argmax()), 8)
    assert blue.max() > 128
    assert max(abs(row - cube["cell"][0]), abs(column - cube["cell"][1])) <= 2


def test_switching_a_colour_off_takes_it_from_the_drawing(easel):
    change = edit(easel, "red", "ablate", None, 16)
    answer = easel.draw(Recipe(position=1.0, edits=[change]))
    assert answer["changed"]
    assert not any("red" in one["words"].split() for one in answer["read"][1])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"concept": 999}, "concepts"),
        ({"units": 97}, "units"),
        ({"cell": (8, 0)}, "outside"),
        ({"cell": (0, -1)}, "outside"),
        ({"cell": None}, "point at a spot"),
    ],
)
def test_edits_that_cannot_be_are_refused(easel, change, reason):
    usual = {"concept": 0, "operation": "insert", "units": 8, "cell": (1, 1)}
    with pytest.raises(WordbrushError, match=reason):
        easel.edited(easel.h4[:1], Edit(**{**usual, **change}))
