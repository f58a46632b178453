"""Larger batches on GPUs, and what else of a training changes with them.

A GPU often takes no longer for a larger batch. With batches k times as large a training sees as
much: all that counts steps is k times less. The learning rate is k times as high for SGD (Goyal et
al., Accurate, Large Minibatch SGD, 2017), and √k times for Adam (Malladi et al., On the SDEs and
Scaling Rules for Adaptive Gradient Algorithms, 2022, whose rule also changes Adam's betas and
epsilon; here they stay). The decay of the generator's moving average is taken to the power of k
(Busbridge et al., How to Scale Your EMA, 2023).
"""

from math import sqrt
from typing import Any

from wordbrush.params import Params, parse
from wordbrush.storage.layout import PARAMS

COUNTED = ("steps", "warmup_steps", "ramp_steps", "locked_steps", "context_steps")


def scaled(params: Params) -> Params:
    """The parameters with all batches `batch_factor` times as large.

    Raises WordbrushError where these are no parameters of a training any more.
    """
    factor = params.batch_factor
    if factor == 1:
        return params
    origin = f"{PARAMS}, batches {factor} times as large (batch_factor)"
    return parse(_scaled(params.model_dump(), factor) | {"batch_factor": 1}, origin)


def _scaled(values: dict[str, Any], factor: int) -> dict[str, Any]:
    gan, davenet, twins = values["gan"], values["davenet"], values["twins"]
    gan["batch_sizes"] = {size: factor * one for size, one in gan["batch_sizes"].items()}
    gan["learning_rate"] *= sqrt(factor)
    gan["ema_decay"] **= factor
    for section in (values["segmenter"], values["senses"]):
        section["batch_size"] *= factor
        section["steps"] = fewer(section["steps"], factor)
        section["learning_rate"] *= sqrt(factor)
    davenet["batch_size"] *= factor
    twins["pairs_a_batch"] *= factor
    for name in ("decay_steps", "log_every"):
        davenet[name] = fewer(davenet[name], factor)
    for one in davenet["quantisers"]:
        one["from_step"] = fewer(one["from_step"], factor)
    for stage in values["schedule"].values():
        for name in set(COUNTED) & set(stage):
            stage[name] = fewer(stage[name], factor)
        stage["learning_rate"] *= factor if davenet["optimiser"] == "sgd" else sqrt(factor)
    return values


def fewer(steps: int, factor: int) -> int:
    """So many times fewer steps; a rest is a step."""
    return -(-steps // factor)
