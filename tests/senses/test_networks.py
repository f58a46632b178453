"""Three senses come to one space, whatever stands beside them in a batch."""

import pytest
import torch

from tests.senses.world import BANDS, SIZE, VALUES
from wordbrush.errors import WordbrushError
from wordbrush.senses.config import SENSES, SensesConfig
from wordbrush.senses.networks import Senses, load_senses
from wordbrush.storage.weights import save_network

CONFIG = SensesConfig(
    sound="speech",
    bands=BANDS,
    vocabulary=["a", "ball", "red"],
    picture_channels=[8, 8],
    sound_channels=[8, 8],
    word_width=8,
    width=12,
    values=list(VALUES),
)


def inputs(generator: torch.Generator) -> dict[str, tuple[torch.Tensor, ...]]:
    return {
        "picture": (torch.rand(3, 3, SIZE, SIZE, generator=generator),),
        "sound": (torch.rand(3, BANDS, 21, generator=generator), torch.tensor([21, 8, 13])),
        "text": (torch.tensor([[2, 3, 4, 2], [4, 0, 0, 0], [3, 1, 2, 0]]),),
    }


def test_every_sense_comes_to_the_same_units_and_values():
    network, rng = Senses(CONFIG).eval(), torch.Generator().manual_seed(0)
    for sense, given in inputs(rng).items():
        units, logits = network(sense, *given)
        assert units.shape == (3, 12) and logits.shape == (3, len(VALUES))
        assert (units >= 0).all()


def test_what_is_padded_changes_no_answer():
    network, rng = Senses(CONFIG).eval(), torch.Generator().manual_seed(0)
    given = inputs(rng)
    sounds, lengths = given["sound"]
    noisy = sounds.clone()
    noisy[1, :, 8:] = 5.0
    whole = network("sound", noisy, lengths)[0]
    alone = network("sound", sounds[1:2, :, :8], lengths[1:2])[0]
    torch.testing.assert_close(whole[1:2], alone)
    (sentences,) = given["text"]
    shorter = network("text", sentences[1:2, :1])[0]
    torch.testing.assert_close(network("text", sentences)[0][1:2], shorter)


def test_what_is_padded_trains_nothing():
    """Statistics of a batch are of its frames and words alone."""
    network, rng = Senses(CONFIG).train(), torch.Generator().manual_seed(0)
    given = inputs(rng)
    (sounds, lengths), (sentences,) = given["sound"], given["text"]
    wider = {
        "sound": (torch.nn.functional.pad(sounds, (0, 9), value=5.0), lengths),
        "text": (torch.nn.functional.pad(sentences, (0, 3)),),
    }
    for sense, padded in wider.items():
        torch.testing.assert_close(network(sense, *padded)[0], network(sense, *given[sense])[0])


def test_a_saved_network_is_the_same(tmp_path):
    network = Senses(CONFIG).eval()
    save_network(tmp_path, "senses", network, CONFIG)
    loaded = load_senses(tmp_path, torch.device("cpu"))
    for sense, given in inputs(torch.Generator().manual_seed(1)).items():
        assert torch.equal(loaded(sense, *given)[0], network(sense, *given)[0])
    assert set(inputs(torch.Generator())) == set(SENSES)
    (tmp_path / "senses.safetensors").unlink()
    with pytest.raises(WordbrushError, match=r"senses\.safetensors"):
        load_senses(tmp_path, torch.device("cpu"))
