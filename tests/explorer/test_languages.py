"""A model with an encoder for each of two languages, asked, streamed to, and typed to."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.explorer.servers import ROOT, spoken
from wordbrush.davenet.encoders import Encoders
from wordbrush.errors import WordbrushError
from wordbrush.explorer import sounds
from wordbrush.explorer.gallery import drawn_gallery
from wordbrush.explorer.listening import Listener, Studio
from wordbrush.explorer.server import SEED
from wordbrush.model import Model, load_model

TEXT, VIEW = "a big red cube", [0, 1]


@pytest.fixture(scope="module")
def bilingual() -> Model:
    """The model of this repository, with a second language that hears twice as strongly."""
    model = load_model(ROOT / "models/small")
    config = model.encoders.config.model_copy(update={"languages": ["en", "de"]})
    encoders = Encoders(config)
    weights = model.encoders.state_dict()
    second = {
        name.replace("audio.", "others.0.", 1): tensor
        for name, tensor in weights.items()
        if name.startswith("audio.")
    }
    encoders.load_state_dict({**weights, **second})
    with torch.no_grad():
        encoders.others[0].norms[-1].weight.mul_(2)
        encoders.others[0].norms[-1].bias.mul_(2)
    return replace(model, encoders=encoders.eval().requires_grad_(False))


def test_a_sound_is_heard_in_a_language(bilingual):
    sound = spoken(TEXT)
    first = bilingual.hear(sound)
    assert bilingual.languages == ["en", "de"]
    assert torch.equal(bilingual.hear(sound, language="en"), first)
    assert torch.allclose(bilingual.hear(sound, language="de"), 2 * first, atol=1e-4)
    pictures = bilingual.draw(2, 0)
    one, other = (bilingual.scores(pictures, sound, language=code) for code in ("en", "de"))
    assert torch.allclose(other, 2 * one, atol=1e-2)
    one, other = (bilingual.matchmap(pictures[0], sound, language=code) for code in ("en", "de"))
    assert torch.allclose(other, 2 * one, atol=1e-2)


def test_a_language_that_it_does_not_hear_is_one_sentence(bilingual):
    with pytest.raises(WordbrushError, match="language='fr', and this model hears en, de"):
        bilingual.hear(spoken(TEXT), language="fr")
    with pytest.raises(WordbrushError, match="with one encoder: name none"):
        load_model(ROOT / "models/small").hear(spoken(TEXT), language="en")


def test_the_explorer_listens_in_a_language(bilingual):
    studio = Studio.of(bilingual, drawn_gallery(bilingual, 4, SEED), SEED)
    heard = {}
    for language in (None, "en", "de"):
        listener = Listener(studio)
        listener.language = language
        for piece in np.split(spoken(TEXT)[:16000], range(640, 16000, 640)):
            list(listener.push(piece))
        heard[language] = listener.heard.features
    assert torch.equal(heard[None], heard["en"])
    assert torch.allclose(heard["de"], 2 * heard["en"], atol=1e-3)


def test_typed_words_are_said_in_the_language(bilingual):
    studio = Studio.of(bilingual, drawn_gallery(bilingual, 4, SEED), SEED)
    english, german = (sounds.say(studio, "rot", code, VIEW) for code in ("en", "de"))
    assert english["sound"] != german["sound"]  # by another voice
    with pytest.raises(WordbrushError, match="hears en, de"):
        sounds.say(studio, "rouge", "fr", VIEW)
