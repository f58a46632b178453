"""Galleries of people's own pictures, and indexes of many."""

import asyncio
import io

import aiohttp
import numpy as np
import pytest
from PIL import Image

from tests.explorer.servers import ROOT, served
from tests.recorded.miniature import collection
from wordbrush.errors import WordbrushError
from wordbrush.explorer.gallery import drawn_gallery
from wordbrush.explorer.listening import HITS, Studio
from wordbrush.explorer.own import LEAST, own_gallery
from wordbrush.explorer.server import SEED, Shown, prepared
from wordbrush.model import Model, load_model
from wordbrush.search import anchors
from wordbrush.search.building import build
from wordbrush.search.sources import Drawings

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


@pytest.fixture
def index(tmp_path, monkeypatch):
    """Of more drawings than are shown."""
    monkeypatch.setattr(anchors, "DESCRIBED", 16)
    build(ROOT / "models/small", Drawings(64, SEED), tmp_path / "index")
    return tmp_path / "index"


def test_find_searches_an_index_and_the_page_shows_its_pictures(model, index):
    studio = prepared(ROOT / "models/small", Shown(COUNT, index=index))
    assert len(studio.gallery) == COUNT and studio.searched == 64
    sound = np.sin(np.arange(16000) / 9).astype(np.float32) / 2
    speech = model.listen(model.frames(sound)).to("cpu")
    hits = studio.hits(speech)
    whole = Studio.of(model, drawn_gallery(model, 64, SEED), SEED).hits(speech)
    assert hits["searched"] == 64 and hits["hits"][0] == whole["hits"][0]
    assert len({*hits["hits"]} & {*whole["hits"]}) > 0.9 * HITS

    async def asked() -> tuple[bytes, dict, int]:
        async with served(studio) as address, aiohttp.ClientSession(address) as session:
            picture = await (await session.get("/pictures/63.png")).read()
            facts = await (await session.get("/api/gallery")).json()
            return picture, facts, (await session.get("/pictures/64.png")).status

    picture, facts, beyond = asyncio.run(asked())
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture))), model.draw(64, SEED)[63])
    assert (facts["pictures"], facts["searched"], beyond) == (COUNT, 64, 404)


def test_an_index_and_a_gallery_exclude_each_other(folder):
    with pytest.raises(WordbrushError, match="exclude each other"):
        prepared(ROOT / "models/small", Shown(COUNT, folder, folder))
