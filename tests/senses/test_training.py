"""Training aligns senses that were never paired, and reads no more than its pairs."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.devices import Unordered
from tests.replay import NeverRecords, TapeRecorder
from tests.senses.world import ATTRIBUTES, cases_of, config_of, small
from tests.training.test_checkpoints import Killed, MortalStore
from tests.waiting import waits
from wordbrush.senses.cases import Cases
from wordbrush.senses.config import PARTNERS
from wordbrush.senses.measures import Measures
from wordbrush.senses.networks import Senses
from wordbrush.senses.training import Trainer, train
from wordbrush.training.checkpoints import Checkpoints
from wordbrush.training.compute import device, running_ahead, set_seed
from wordbrush.training.graphs import cuda_graphs, recording


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
    longer = np.pad(cases.sentences, ((0, 0), (0, 3)))  # as for one long sentence of the test
    longer[cases.of("test")[0]] = longer.max()
    assert same(trained(tiny, replace(cases, sentences=longer), steps=6), network)
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


@pytest.mark.parametrize("loss", ["transfer", "ranking", "both"])
def test_recorded_steps_learn_the_same(tiny, tmp_path, loss):
    cases, made = cases_of(tiny, tmp_path), []
    chosen = small(tiny, loss=loss, steps=8)

    def learned(kind) -> tuple[Senses, list[tuple[int, float]]]:
        def seen(generators):
            made.append(kind(generators))
            return made[-1]

        set_seed(0)
        with running_ahead(), recording(seen if kind else None):
            return train(chosen, config_of(chosen, cases), cases, 0)

    (network, curve), (other, its_curve) = learned(NeverRecords), learned(TapeRecorder)
    assert made[0].recorded == 0 and made[1].recorded == 1
    assert same(other, network) and its_curve == curve and len(curve) == 8
    _, its_curve = learned(None)  # on batches with less padding
    assert np.allclose([row[1] for row in its_curve], [row[1] for row in curve], rtol=1e-3)


def test_a_recorded_training_that_was_killed_resumes_to_the_same_bytes(tiny, tmp_path):
    cases, chosen = cases_of(tiny, tmp_path / "sounds"), small(tiny, steps=8)

    def learned(store: MortalStore) -> Senses:
        set_seed(0)
        kept = Checkpoints(store, "key", 0.0)
        with running_ahead(), recording(TapeRecorder):
            return train(chosen, config_of(chosen, cases), cases, 0, kept)[0]

    whole = learned(MortalStore(tmp_path / "whole", life=100))
    store = MortalStore(tmp_path / "kept", life=4)
    with pytest.raises(Killed):
        learned(store)
    store.life = 100
    assert same(learned(store), whole)


def test_a_step_waits_for_nothing_and_has_a_deterministic_form(tiny, tmp_path):
    cases, chosen = cases_of(tiny, tmp_path), small(tiny)
    with running_ahead():
        trainer = Trainer(chosen, config_of(chosen, cases), cases, 0)
        trainer.step(1)
        batches = [trainer.draw(sense) for sense in PARTNERS]
        with waits() as waited, Unordered() as mode:
            trainer.descend(2, batches)
    assert waited == [] and mode.found == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("recorded", [False, True])
def test_pytorch_sees_no_step_wait_for_a_gpu(tiny, tmp_path, recorded):
    cases, chosen = cases_of(tiny, tmp_path), small(tiny)
    with recording(cuda_graphs(recorded, device())):
        trainer = Trainer(chosen, config_of(chosen, cases), cases, 0)
    number = 5  # kernels are chosen, and what is recorded has been
    for before in range(1, number):
        trainer.step(before)
    torch.cuda.set_sync_debug_mode("error")
    try:
        trainer.step(number)
    finally:
        torch.cuda.set_sync_debug_mode("default")
