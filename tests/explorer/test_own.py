"""Galleries of people's own pictures."""

import numpy as np
import pytest
from PIL import Image

from tests.explorer.servers import ROOT
from tests.recorded.miniature import collection
from wordbrush.errors import WordbrushError
from wordbrush.explorer.gallery import drawn_gallery
from wordbrush.explorer.listening import Studio
from wordbrush.explorer.own import LEAST, own_gallery
from wordbrush.explorer.server import SEED
from wordbrush.model import Model, load_model

COUNT = 14


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(ROOT / "models/small")


@pytest.fixture
def folder(model, tmp_path):
    """Drawings as files, on a wider ground, beside a file that is no picture."""
    for number, drawing in enumerate(model.draw(COUNT, SEED)):
        wide = np.pad(drawing, ((0, 0), (16, 16), (0, 0)))
        Image.fromarray(wide).save(tmp_path / f"{number:02}.png")
    (tmp_path / "notes.txt").write_text("none")
    return tmp_path


def test_a_folder_of_pictures_is_lit_and_searched_and_drawings_are_edited(model, folder):
    own, drawings = own_gallery(model, folder, 13), drawn_gallery(model, COUNT, SEED)
    assert np.array_equal(own.pictures, drawings.pictures[:13])  # the centre squares
    studio = Studio.of(model, drawings, SEED, own)
    assert len(studio.gallery) == 13 and len(studio.easel.latents) == COUNT
    assert all(one[0] < 13 for concept in studio.concepts for one in concept["pictures"])


def test_a_collection_is_a_gallery(model, tmp_path):
    made = collection(tmp_path, pictures={"train": 8, "validation": 2, "test": 3}, captions=1)
    own = own_gallery(model, made, 2048)
    assert own.pictures.shape == (13, model.side, model.side, 3)


def test_what_is_no_gallery_is_refused_in_a_sentence(model, folder):
    with pytest.raises(WordbrushError, match="no folder"):
        own_gallery(model, folder / "missing", LEAST)
    (folder / "00.png").write_bytes(b"PK\3\4 no picture")
    with pytest.raises(WordbrushError, match=r"00\.png cannot be shown"):
        own_gallery(model, folder, COUNT)
    for path in sorted(folder.iterdir())[:5]:
        path.unlink()
    with pytest.raises(WordbrushError, match=f"{LEAST} or more"):
        own_gallery(model, folder, COUNT)
