"""Trainings that are compared: alike in all but what an experiment changes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, TypeVar

import numpy as np
import typer
from torch import Tensor

from experiments.steps import fewer_steps
from wordbrush.data.manifest import Manifest
from wordbrush.data.pairs import Pairs
from wordbrush.data.splits import TRAIN, UNHEARD
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.training import Settings, train
from wordbrush.errors import WordbrushError
from wordbrush.params import Davenet, Params, Pretraining
from wordbrush.storage.layout import Layout
from wordbrush.training.compute import set_seed
from wordbrush.training.conditions import as_chosen

Weights = dict[str, Tensor]
TrialsOption = Annotated[int, typer.Option(min=1, help="Trainings of each kind.")]
ShareOption = Annotated[float, typer.Option(min=0.001, max=1, help="Of all steps.")]
OnlyOption = Annotated[
    list[str] | None, typer.Option(metavar="KIND", help="Of trainings; may be repeated.")
]
Kind = TypeVar("Kind")


def require_data(layout: Layout, parts: Sequence[str]) -> None:
    """Raises WordbrushError where this folder lacks one of these parts of `data`."""
    missing = [name for name in parts if not (layout.root / "data" / name).is_dir()]
    if missing:
        raise WordbrushError(
            f"data/{missing[0]} is missing: `dvc repro synthesize-captions` makes all that is read."
        )


def asked_for(kinds: Mapping[str, Kind], only: Sequence[str] | None) -> dict[str, Kind]:
    """The kinds of trainings that `only` names, each once, or all. Raises WordbrushError for
    others."""
    if unknown := sorted({*(only or ())} - {*kinds}):
        raise WordbrushError(f"--only {unknown[0]!r} is none of {', '.join(kinds)}.")
    return {name: kinds[name] for name in only or kinds}


def shortened(params: Params, share: float) -> Params:
    """The same with this share of the steps of pretraining and of the senses, and with codebooks
    that begin as much earlier."""

    def shorter(steps: int) -> int:
        return round(share * steps)

    pretrain = params.schedule.pretrain
    stage: Pretraining = pretrain.model_copy(update=fewer_steps(pretrain, shorter))
    senses = params.senses.model_copy(update={"steps": max(1, shorter(params.senses.steps))})
    last = stage.steps + stage.locked_steps - 1
    quantisers = [
        one.model_copy(update={"from_step": min(shorter(one.from_step), last)})
        for one in params.davenet.quantisers
    ]
    davenet: Davenet = params.davenet.model_copy(update={"quantisers": quantisers})
    schedule = params.schedule.model_copy(update={"pretrain": stage})
    return params.model_copy(update={"davenet": davenet, "schedule": schedule, "senses": senses})


def hearing(manifest: Manifest, captions: np.ndarray) -> Manifest:
    """The same where training hears these of its captions alone."""
    others = np.isin(np.arange(len(manifest)), captions, invert=True)
    unheard = (manifest.splits == TRAIN) & others
    return replace(manifest, splits=np.where(unheard, UNHEARD, manifest.splits))


def trained(params: Params, pairs: Pairs, trial: int, weights: Weights | None = None) -> Encoders:
    """Encoders that were pretrained on these pairs, and their twins if they have any, with hard
    negatives, from these weights or from new ones. trial: another seed."""
    seed = params.grounding_seed + trial
    set_seed(seed)
    encoders = Encoders(EncoderConfig.of(params.davenet, pairs.speech.config))
    if weights is not None:
        encoders.load_state_dict(weights)
    stage, against = params.schedule.pretrain, params.edits.against
    twins = None if pairs.twins is None else params.twins
    with as_chosen(params):
        train(encoders, pairs, Settings(params.davenet, stage, "hard", seed, against, twins))
    return encoders
