"""A model with heads of context: what is found on the page is what the model itself finds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.explorer.servers import spoken
from wordbrush.audio.inputs import prepare
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.davenet.kernels import similarities
from wordbrush.explorer import sounds
from wordbrush.explorer.gallery import drawn_gallery
from wordbrush.explorer.listening import Listener, Studio
from wordbrush.model import Model, load_model

ROOT = Path(__file__).resolve().parents[2]
COUNT, SEED = 12, 3
TEXT = "there is a big red metal cube left of a small blue ball"
BEFORE = 0.5  # seconds of a quiet room


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(ROOT / "models/small")


def test_scores_are_those_of_both_heads(model):
    pictures, sound = model.draw(COUNT, SEED), spoken(TEXT)
    found = model.scores(pictures, sound)
    with torch.no_grad():
        frames = torch.from_numpy(model.frames(prepare(sound, SAMPLE_RATE).sound)).float()
        heard = model.encoders.encode_audio(frames.T[None], torch.tensor([len(frames)]))
        expected = similarities(model.encode(pictures), heard, "MISA")[:, 0]
        words = similarities(replace(model.encode(pictures), context=None), heard, "MISA")[:, 0]
    assert torch.allclose(found, expected, atol=1e-3)
    assert not torch.equal(found.argsort(), words.argsort())


def test_the_page_finds_what_the_model_scores_best(model):
    studio = Studio.of(model, drawn_gallery(model, COUNT, SEED), SEED)
    ranked = model.scores(model.draw(COUNT, SEED), spoken(TEXT)).argsort(descending=True).tolist()
    whole = sounds.answer(studio, prepare(spoken(TEXT), SAMPLE_RATE).sound, None, [0], "")
    assert whole["ranking"]["hits"] == ranked
    listener = Listener(studio)
    listener.finding = True
    told = [
        one
        for piece in np.split(spoken(TEXT, BEFORE), range(640, 40000, 640))
        for one in listener.push(piece)
    ]
    found = [one for one in told if one["type"] == "hits"][-1]["hits"]
    assert found[0] == ranked[0] and {*found[:6]} & {*ranked[:6]} > {ranked[0]}
