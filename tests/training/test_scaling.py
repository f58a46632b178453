"""Batches that are larger on GPUs, and what changes with them."""

import pytest
import torch

from wordbrush import params as parameters
from wordbrush.errors import WordbrushError
from wordbrush.params import Params
from wordbrush.stages.preflight import check_batches, check_parameters
from wordbrush.training.conditions import for_device
from wordbrush.training.scaling import scaled


def changed(params: Params, **changes: object) -> Params:
    return parameters.parse(params.model_dump() | changes, "changed")


def test_a_training_sees_as_much_in_fewer_steps_at_higher_rates(demo):
    larger = scaled(changed(demo, batch_factor=4))
    assert larger.gan.batch_sizes == {size: 4 * one for size, one in demo.gan.batch_sizes.items()}
    assert larger.gan.stable_kimg == demo.gan.stable_kimg  # counts pictures
    assert larger.gan.ema_decay == pytest.approx(demo.gan.ema_decay**4)
    for name in ("segmenter", "senses"):
        before, after = getattr(demo, name), getattr(larger, name)
        assert after.batch_size == 4 * before.batch_size and 4 * after.steps == before.steps
    before, after = demo.schedule.pretrain, larger.schedule.pretrain
    assert larger.davenet.batch_size == 4 * demo.davenet.batch_size
    for count in ("steps", "ramp_steps", "locked_steps"):
        assert 4 * getattr(after, count) == getattr(before, count) > 0
    assert after.context_steps == 0
    for stage in ("pretrain", "random_edits", "targeted_edits"):  # Adam: by the root
        rates = [getattr(one.schedule, stage).learning_rate for one in (demo, larger)]
        assert rates[1] == pytest.approx(2 * rates[0])
    assert larger.gan.learning_rate == pytest.approx(2 * demo.gan.learning_rate)
    assert larger.edits == demo.edits and larger.samples == demo.samples


def test_with_sgd_the_rate_grows_as_the_batch(demo):
    davenet = demo.davenet.model_copy(update={"optimiser": "sgd"})
    larger = scaled(changed(demo, batch_factor=4, davenet=davenet.model_dump()))
    first, last = (
        demo.schedule.random_edits.learning_rate,
        larger.schedule.random_edits.learning_rate,
    )
    assert last == pytest.approx(4 * first)


def test_a_rest_of_steps_is_a_step(demo):
    larger = scaled(changed(demo, batch_factor=64))
    assert larger.schedule.random_edits.steps == 2  # of 100
    assert larger.davenet.log_every == 1


def test_cpus_and_a_factor_of_one_change_nothing(demo):
    asked = changed(demo, batch_factor=2)
    assert for_device(asked, torch.device("cpu")) is asked
    assert for_device(demo, torch.device("cuda")) is demo
    larger = for_device(asked, torch.device("cuda"))
    assert larger.davenet.batch_size == 2 * demo.davenet.batch_size
    assert for_device(larger, torch.device("cuda")) is larger  # once is enough


def test_batches_that_are_too_large_are_one_sentence(demo):
    samples = demo.samples.model_copy(update={"train": 200}).model_dump()
    with pytest.raises(WordbrushError, match=r"batches of 256 of davenet.batch_size, .* is 200"):
        check_parameters(changed(demo, batch_factor=4, samples=samples))
    senses = demo.senses.model_copy(update={"loss": "both", "batch_size": 128}).model_dump()
    samples["train"] = 600
    with pytest.raises(WordbrushError, match=r"batches of 1024 of senses.batch_size, .* is 600"):
        check_parameters(changed(demo, batch_factor=4, samples=samples, senses=senses))
    samples["train"] = 2000
    apart = {"languages": ["en", "de"], "shared": False}
    captions = demo.captions.model_copy(update=apart).model_dump()
    sizes = {"samples": samples, "senses": senses, "captions": captions}
    with pytest.raises(WordbrushError, match=r"is 2000, 1000 in the first language: choose"):
        check_batches(changed(demo, batch_factor=4, **sizes))


def test_what_larger_batches_make_of_other_parameters_is_refused_with_its_field(demo):
    twins = demo.twins.model_copy(update={"kind": "edited", "drawings": 20}).model_dump()
    check_parameters(changed(demo, twins=twins))
    with pytest.raises(WordbrushError, match=r"batch_factor.*twins.pairs_a_batch 32 is more than"):
        check_parameters(changed(demo, batch_factor=4, twins=twins))
