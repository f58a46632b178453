"""Schemas of rendered scenes: CLEVR's JSON (C), and the jitter that is needed to render again."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from wordbrush.scenes.facts import EXCHANGES
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.validation import Finite, Natural, one_of

Point = Annotated[list[Finite], Field(min_length=3, max_length=3)]
Attribute = Annotated[str, one_of(ATTRIBUTES)]
Thing = TypedDict(  # not a class, since 3d_coords is no name in Python
    "Thing",
    {
        "shape": Annotated[str, one_of(ATTRIBUTES["shape"])],
        "material": Annotated[str, one_of(ATTRIBUTES["material"])],
        "color": Annotated[str, one_of(ATTRIBUTES["color"])],
        "size": Annotated[str, one_of(ATTRIBUTES["size"])],
        "3d_coords": Point,
        "rotation": Finite,
        "pixel_coords": Point,
    },
)


class Jitter(TypedDict):
    camera: Point
    lights: dict[str, Point]
    seed: Natural


class Scene(TypedDict):
    """Enough to render the scene again."""

    split: str
    image_index: Natural
    image_filename: str
    directions: dict[str, Point]
    objects: Annotated[list[Thing], Field(min_length=1)]
    relationships: dict[str, list[list[Natural]]]
    jitter: Jitter


class SceneFile(TypedDict):
    """scenes.json"""

    info: dict[str, str]
    scenes: Annotated[list[Scene], Field(min_length=1)]


class RealPair(TypedDict):
    """An entry of pairs.json: a scene and its counterfactual, one attribute changed (P §6.5)."""

    scene: Scene
    edited: Scene
    object: Natural
    attribute: Attribute
    before: str
    after: str


class ExchangePair(TypedDict):
    """An entry of exchanges.json: a scene, and the same after two objects exchanged `kind`.

    order, first, second: as in edits.exchange.
    """

    scene: Scene
    edited: Scene
    kind: Annotated[str, one_of(EXCHANGES)]
    order: list[Natural]
    first: Natural
    second: Natural


class ClevrScene(TypedDict):
    """What is read of CLEVR v1.0's own scenes."""

    image_filename: Annotated[
        str, Field(pattern=r"^[^/\\\x00]+\.[a-zA-Z]+$")
    ]  # a name, and no path


class ClevrSceneFile(TypedDict):
    scenes: Annotated[list[ClevrScene], Field(min_length=1)]
