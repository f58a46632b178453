"""Descriptions of pictures in words (P §6.1).

A description names every object with all its attributes, and says how the objects lie to each
other.
"""

import numpy as np

from wordbrush.captions.engines.interface import PAUSE
from wordbrush.captions.vocabulary import Vocabulary
from wordbrush.scenes.facts import relate
from wordbrush.scenes.world import ATTRIBUTES

SAID = ("size", "color", "material", "shape")  # in the order in which a phrase says them
SYNONYMS: dict[str, tuple[str, ...]] = {  # C: the synonyms of CLEVR's questions
    "cube": ("cube", "block"),
    "sphere": ("sphere", "ball"),
    "cylinder": ("cylinder",),
    "rubber": ("rubber", "matte"),
    "metal": ("metal", "shiny"),
    "small": ("small", "tiny"),
    "large": ("large", "big"),
    "gray": ("gray",),
    "red": ("red",),
    "blue": ("blue",),
    "green": ("green",),
    "brown": ("brown",),
    "purple": ("purple",),
    "cyan": ("cyan",),
    "yellow": ("yellow",),
}
VOCABULARY = Vocabulary(ATTRIBUTES, SYNONYMS)
OPENINGS = ("there is", "i see", "this picture shows", "here is", "in this picture there is")
RELATIONS = {
    "left": ("to the left of", "left of"),
    "right": ("to the right of", "right of"),
    "front": ("in front of",),
    "behind": ("behind",),
}
PAUSE_CHANCE = 0.65  # of a pause behind a describing word, in a caption with pauses
NOTHING = (
    "there is nothing on the floor",
    "i see an empty floor",
    "this picture shows an empty floor",
)


def describe(objects: list[dict], rng: np.random.Generator) -> str:
    """One description, varied in wording and order.

    objects: dictionaries with shape, material, color and size, and the middle x, y in pixels.
    """
    if not objects:
        return str(rng.choice(NOTHING))
    order = rng.permutation(len(objects))
    text = f"{rng.choice(OPENINGS)} {phrase(objects[order[0]], rng)}"
    for before, after in zip(order, order[1:], strict=False):
        text += f" {join(objects[after], objects[before], rng)}"
    return text


def with_pauses(text: str, rng: np.random.Generator) -> str:
    """The same words, with a comma behind some of those that describe, except at the end.

    'a small, red rubber, cube': a voice pauses at a comma, as people do who think of the next word.
    """
    words = text.split()
    drawn = rng.random(len(words)) < PAUSE_CHANCE
    drawn[-1] = False
    return " ".join(
        word + PAUSE if pause and word in VOCABULARY.meaning else word
        for word, pause in zip(words, drawn, strict=True)
    )


def phrase(thing: dict, rng: np.random.Generator) -> str:
    """'a small red rubber cube', with one of the synonyms of each word."""
    words = [str(rng.choice(SYNONYMS[thing[name]])) for name in SAID]
    return f"a {' '.join(words)}"


def join(thing: dict, other: dict, rng: np.random.Generator) -> str:
    """The next object and how it lies to the one before, along the axis on which they are further
    apart."""
    relation = str(rng.choice(RELATIONS[relate(thing, other)]))
    if rng.random() < 0.5:
        return f"and {phrase(thing, rng)} {relation} it"
    return f"and {relation} it {phrase(thing, rng)}"
