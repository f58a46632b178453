"""Training three senses on pairs of picture and text, and on pairs of picture and sound."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wordbrush.data.images import scaled
from wordbrush.data.loader import widened
from wordbrush.data.resident import Rows
from wordbrush.params import Senses as SensesParams
from wordbrush.senses.cases import Cases
from wordbrush.senses.config import PARTNERS, Sense, SensesConfig
from wordbrush.senses.losses import alignment_loss, transfer_loss
from wordbrush.senses.networks import Senses
from wordbrush.telemetry.metrics import waiting_for_data
from wordbrush.telemetry.progress import Progress
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.compute import (
    channels_last,
    device,
    mixed_precision,
    random_numbers,
    to_device,
)
from wordbrush.training.graphs import Graphs
from wordbrush.training.signals import finishing_steps
from wordbrush.training.watch import Watch, observed

POINTS = 50  # of the curve


@dataclass(frozen=True)
class Pairs:
    """A batch of pictures with what another sense takes in of them, on the device.

    pictures, partners: as `Senses` reads them. presences: [B, A], the teacher's.
    """

    sense: Sense
    pictures: tuple[Tensor, ...]
    partners: tuple[Tensor, ...]
    presences: Tensor

    @property
    def tensors(self) -> list[Tensor]:
        """All of them, in one order."""
        return [*self.pictures, *self.partners, self.presences]

    def holding(self, tensors: Iterator[Tensor]) -> "Pairs":
        """The same with the next of these tensors."""
        pictures, partners = (
            tuple(next(tensors) for _ in some) for some in (self.pictures, self.partners)
        )
        return Pairs(self.sense, pictures, partners, next(tensors))


class Trainer:
    """A network in training, and all that changes with it from step to step."""

    def __init__(self, params: SensesParams, config: SensesConfig, cases: Cases, seed: int):
        self.params, self.cases = params, cases
        self.rng = random_numbers(seed, torch.device("cpu"))  # of pairs, which the host gathers
        self.images = Rows(cases.images, device())
        self.network, self.graphs = channels_last(Senses(config), device()).train(), Graphs()
        weights, rate = self.network.parameters(), params.learning_rate
        self.adam = torch.optim.Adam(weights, lr=rate, fused=True, capturable=self.graphs.used)
        self.graphs.adopt(self.adam, device())
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.adam, params.steps)
        self.watch = Watch("the three senses")

    def parts(self) -> dict[str, Any]:
        """All that changes, for checkpoints."""
        return {name: getattr(self, name) for name in ("network", "adam", "schedule", "rng")}

    def step(self, number: int) -> None:
        """One step, counted from 1, on new pairs; `losses` reads what it gave."""
        with waiting_for_data():
            batches = [self.draw(sense) for sense in PARTNERS]
        self.descend(number, batches)

    def descend(self, number: int, batches: list[Pairs]) -> None:
        """The step on these pairs, a batch for each sense."""
        tensors = [one for pairs in batches for one in pairs.tensors]
        self.watch.add(number, 1, self.graphs.run("step", partial(self.learn, batches), *tensors))
        self.schedule.step()

    def learn(self, batches: list[Pairs], *tensors: Tensor) -> Tensor:
        """Change the weights by batches such as these, which hold these tensors; returns the step's
        row for `watch`."""
        following = iter(tensors)
        losses = (self.loss(pairs.holding(following)) for pairs in batches)
        loss = sum(losses, torch.zeros((), device=device()))
        self.adam.zero_grad()
        loss.backward()
        row = observed(loss, self.network)
        self.adam.step()
        return row

    def draw(self, sense: Sense) -> Pairs:
        """A batch of different pairs of pictures and what this sense takes in."""
        known = self.cases.paired[sense]
        count = min(self.params.batch_size, len(known))
        numbers = known[torch.randperm(len(known), generator=self.rng)[:count].numpy()]
        seen = scaled(self.images.pick(self.cases.pictures[numbers]))
        partners = tuple(to_device(one, device()) for one in self.cases.take(sense, numbers))
        if sense == "text":  # as wide as training's own, whatever others say
            partners = (partners[0][:, : self.cases.most_words],)
        elif self.graphs.used:
            partners = widened(partners[0]), partners[1]
        presences = to_device(torch.from_numpy(self.cases.presences[numbers]), device())
        return Pairs(sense, (seen,), partners, presences)

    def loss(self, pairs: Pairs) -> Tensor:
        """Of a batch: what params.loss asks for."""
        params, kind = self.params, self.params.loss
        with mixed_precision():
            seen, told_by_picture = self.network("picture", *pairs.pictures)
            other, told_by_partner = self.network(pairs.sense, *pairs.partners)
        loss = seen.new_zeros((), dtype=torch.float32)
        if kind in ("transfer", "both"):
            loss = loss + transfer_loss(told_by_picture.float(), pairs.presences)
            loss = loss + transfer_loss(told_by_partner.float(), pairs.presences)
        if kind in ("ranking", "both"):
            aligned = alignment_loss(seen.float(), other.float(), params.margin)
            loss = loss + params.ranking_weight * aligned
        return loss

    def losses(self, kept: str = "") -> list[float]:
        """Of every step since they were read last.

        Raises Diverged, which names the checkpoint `kept`, where a number is not finite.
        """
        return [loss for (loss,) in self.watch.read(kept)]


def train(
    params: SensesParams,
    config: SensesConfig,
    cases: Cases,
    seed: int,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> tuple[Senses, list[tuple[int, float]]]:
    """Train a new network; returns it with its loss curve."""
    trainer = Trainer(params, config, cases, seed)
    state = checkpoints.restore(trainer.parts()) or {"step": 0, "curve": [], "recent": []}
    trainer.graphs.adopt(trainer.adam, device())
    done, curve, recent = state["step"], state["curve"], state["recent"]

    def checked(step: int) -> dict[str, Any]:
        recent.extend(trainer.losses(checkpoints.kept))
        return {"step": step, "curve": curve, "recent": recent}

    shown = (params.batch_size * len(PARTNERS), "pair")
    every = max(1, params.steps // POINTS)
    title = f"aligning three senses, {params.loss}"
    with finishing_steps(), Progress(title, params.steps, "step", done, shown) as progress:
        for step in range(done + 1, params.steps + 1):
            trainer.step(step)
            progress.advance()
            at_mark = step % every == 0 or step == params.steps
            if at_mark or trainer.watch.due:
                recent.extend(trainer.losses(checkpoints.kept))
            if at_mark:
                curve.append((step, float(np.mean(recent))))
                recent.clear()
                rate = float(trainer.schedule.get_last_lr()[0])
                progress.note(loss=curve[-1][1], learning_rate=rate)
            checkpoints.offer(step, trainer.parts(), partial(checked, step))
    return trainer.network.eval().requires_grad_(False), curve
