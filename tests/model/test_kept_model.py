"""models/small, the trained model of this repository: it knows words, and who stands where, without
training here."""

from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard

from wordbrush import params as parameters
from wordbrush.captions.voices import Voice, speak
from wordbrush.captions.wording import Wording
from wordbrush.model.export import LIMIT
from wordbrush.scenes.facts import Facts
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.segmenter.parsing import describable

FOLDER = Path(__file__).resolve().parents[2] / "models/small"
DRAWINGS = 96
NEVER_HEARD = Voice("en-us+m1", 170, 35)  # params.yaml: captions.test_voices


@pytest.fixture(scope="module")
def drawings(small) -> np.ndarray:
    return small.draw(DRAWINGS, seed=0)


@pytest.mark.parametrize(
    ("attribute", "above_chance"),
    [("color", 0.3), ("material", 0.2), ("size", 0.2), ("shape", 0.15)],
)
def test_a_word_finds_drawings_that_it_fits(small, drawings, attribute, above_chance):
    """Of the eight drawings that fit a word best, a larger share has it than of all drawings."""
    read = small.read(drawings)
    gains = []
    for value in ATTRIBUTES[attribute]:
        has = np.array([any(one[attribute] == value for one in objects) for objects in read])
        best = (
            small.scores(drawings, speak(value, NEVER_HEARD).sound)
            .argsort(descending=True)[:8]
            .cpu()
            .numpy()
        )
        gains.append(has[best].mean() - has.mean())
    assert np.mean(gains) > above_chance


def test_a_drawing_fits_what_is_true_of_it_and_not_left_for_right(small, drawings):
    """Of two captions with the same words, the one that says who stands where."""
    rng, right = np.random.default_rng(0), []
    for number, objects in enumerate(small.read(drawings)):
        if len(objects) != 2 or not describable(objects, 0.5, 0.8):
            continue
        facts = Facts.of(objects, [0, 1])
        if facts.exchangeable("left_right"):
            wording = Wording.draw(2, 0.0, rng)
            both = (wording.say(one) for one in (facts, facts.exchanged(0, 1, "left_right")))
            true, false = (
                small.scores(drawings[number : number + 1], speak(text, NEVER_HEARD).sound)
                for text in both
            )
            right.append(bool(true > false))
    assert len(right) >= 12 and np.mean(right) >= 0.8


def test_it_is_small_and_says_what_made_it():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= LIMIT
    card = ModelCard.load(FOLDER / "README.md")
    params = parameters.load(FOLDER / "params.yaml")
    assert (
        f"seed {params.seed}; {params.scenes.count} rendered scenes" in card.text
        and "uncommitted" not in card.text
    )
    told = {one.metric_name: one.metric_value for one in card.data.eval_results}
    assert told["Semantic test, mean, percent"] >= 90 and told["Real-image test, percent"] >= 75
