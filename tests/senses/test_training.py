"""Training aligns senses that were never paired, and reads no more than its pairs."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.devices import Unordered
from tests.senses.world import ATTRIBUTES, cases_of, config_of, small
from tests.training.test_checkpoints import Killed, MortalStore
from tests.waiting import waits
from wordbrush.senses.cases import Cases
from wordbrush.senses.config import PARTNERS
from wordbrush.senses.measures import Measures
from wordbrush.senses.networks import Senses
from wordbrush.senses.training import Trainer, train
from wordbrush.training.checkpoints import Checkpoints
from wordbrush.training.compute import running_ahead, set_seed


def trained(params, cases: Cases, **changes: object) -> Senses:
    set_seed(0)
    chosen = small(params, **changes)
    return train(chosen, config_of(chosen, cases), cases, 0)[0]


def same(one: Senses, other: Senses) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("loss", ["transfer", "ranking", "both"])
def test_pictures_bridge_text_and_sound(tiny, tmp_path, loss):
    cases = cases_of(tiny, tmp_path)
    network = trained(tiny, cases, loss=loss)
    found = Measures(cases, ATTRIBUTES, 50, 0).of(network)
    chance = (len(cases.of("test")) + 1) / 2
    # six kinds of cases: four of each, and the others of a kind count against us
    for name in ("text to sound", "sound to text", "picture to text", "sound to picture"):
        assert found["ranks"][name]["high"] < chance, name
    for name in ("text in sound", "sound in text", "picture in sound", "text in picture"):
        assert found["zero_shot"][name]["mean"]["low"] > 60, name


def test_no_sound_is_ever_beside_a_text(tiny, tmp_path):
    """Sentences of the cases that are paired with sounds may say anything, and the other way."""
    cases = cases_of(tiny, tmp_path)
    texts, sounds = cases.paired["text"], cases.paired["sound"]
    assert len(texts) and len(sounds) and not set(texts) & set(sounds)
    assert set(texts) | set(sounds) == set(cases.of("train"))
    network = trained(tiny, cases, steps=6)
    sentences, heard = cases.sentences.copy(), cases.heard.copy()
    sentences[sounds], heard[texts] = 1, 0
    assert same(trained(tiny, replace(cases, sentences=sentences, heard=heard), steps=6), network)
    sentences[texts] = 1
    assert not same(trained(tiny, replace(cases, sentences=sentences), steps=6), network)


def test_ranking_alone_asks_no_teacher(tiny, tmp_path):
    cases = cases_of(tiny, tmp_path)
    silent = replace(cases, presences=np.zeros_like(cases.presences))
    for loss, alike in (("ranking", True), ("transfer", False), ("both", False)):
        first, second = (trained(tiny, one, loss=loss, steps=4) for one in (cases, silent))
        assert same(first, second) == alike, loss


def test_a_killed_training_resumes_to_the_same_bytes(tiny, tmp_path):
    cases, chosen = cases_of(tiny, tmp_path / "sounds"), small(tiny, steps=8)
    whole = trained(tiny, cases, steps=8)
    store = MortalStore(tmp_path / "kept", life=3)
    set_seed(0)
    with pytest.raises(Killed):
        train(chosen, config_of(chosen, cases), cases, 0, Checkpoints(store, "key", 0.0))
    store.life = 100
    set_seed(1)
    again, curve = train(chosen, config_of(chosen, cases), cases, 0, Checkpoints(store, "key", 0.0))
    assert same(again, whole) and [step for step, _ in curve] == list(range(1, 9))


def test_a_step_waits_for_nothing_and_has_a_deterministic_form(tiny, tmp_path):
    cases, chosen = cases_of(tiny, tmp_path), small(tiny)
    with running_ahead():
        trainer = Trainer(chosen, config_of(chosen, cases), cases, 0)
        trainer.step(1)
        batches = [trainer.draw(sense) for sense in PARTNERS]
        with waits() as waited, Unordered() as mode:
            trainer.descend(2, batches)
    assert waited == [] and mode.found == []
