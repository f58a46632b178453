"""The cases of the tests of composition, with the pictures and the speech that they name."""

from dataclasses import dataclass

import numpy as np

from wordbrush.concepts.store import require_known
from wordbrush.data.composition import Case, Composed, CompositionFile, Medium, SpokenLine
from wordbrush.data.speech import FeatureStore
from wordbrush.storage.files import open_array, read_json, require_counts
from wordbrush.storage.layout import Layout

Images = dict[tuple[Medium, Composed], np.ndarray]


@dataclass(frozen=True)
class Cases:
    """What tests of composition are made on.

    cases: those whose pictures are there. lines: as many as `speech` has utterances. images: the
    pictures that cases name by number, uint8 [N, P, H, W, 3]; P is 2 of scenes and 1 of drawings.
    """

    cases: list[Case]
    lines: list[SpokenLine]
    speech: FeatureStore
    images: Images

    def of(self, test: Composed, on: Medium) -> list[Case]:
        """The cases of a test on drawings or scenes."""
        return [one for one in self.cases if (one["test"], one["on"]) == (test, on)]


def read_cases(layout: Layout, drawings: np.ndarray) -> Cases | None:
    """What was written by captions.composition; None where nothing was said for these tests.

    drawings: uint8 [N, H, W, 3]. Raises WordbrushError where a part is damaged, or names a picture
    or a line that there is not.
    """
    folder = layout.test_speech / "composition"
    if not folder.is_dir():
        return None
    file = folder / "composition.json"
    told, speech = read_json(file, CompositionFile), FeatureStore(folder)
    require_counts(folder, lines=len(told["lines"]), sounds=len(speech))
    images = read_images(layout, drawings)
    cases = [one for one in told["cases"] if (one["on"], one["test"]) in images]
    for one in cases:
        require_known(file, len(images[one["on"], one["test"]]), [one["picture"]], "picture")
        lines = (one["right"], one["wrong"], *one["positives"].values())
        require_known(file, len(told["lines"]), lines, "line")
    return Cases(cases, told["lines"], speech, images)


def read_images(layout: Layout, drawings: np.ndarray) -> Images:
    """The pictures of each kind of case, as far as they are there."""
    images: Images = {
        ("drawings", "wrong_words"): drawings[:, None],
        ("drawings", "exchanges"): drawings[:, None],
    }
    if layout.real_pairs.is_dir():
        shape = (None, 2, None, None, 3)
        images["scenes", "wrong_words"] = open_array(
            layout.real_pairs / "images.npy", "uint8", shape
        )
        images["scenes", "exchanges"] = open_array(
            layout.real_pairs / "exchanges.npy", "uint8", shape
        )
    return images
