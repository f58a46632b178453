"""Training three senses on pairs of picture and text, and on pairs of picture and sound."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wordbrush.params import Senses as SensesParams
from wordbrush.senses.cases import Cases
from wordbrush.senses.config import PARTNERS, Sense, SensesConfig
from wordbrush.senses.losses import alignment_loss, transfer_loss
from wordbrush.senses.networks import Senses
from wordbrush.telemetry.metrics import waiting_for_data
from wordbrush.telemetry.progress import Progress
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.compute import device, mixed_precision, random_numbers, to_device
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


class Trainer:
    """A network in training, and all that changes with it from step to step."""

    def __init__(self, params: SensesParams, config: SensesConfig, cases: Cases, seed: int):
        self.params, self.cases = params, cases
        self.rng = random_numbers(seed, torch.device("cpu"))  # of pairs, which the host gathers
        self.network = Senses(config).to(device()).train()
        self.adam = torch.optim.Adam(self.network.parameters(), lr=params.learning_rate, fused=True)
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
        loss = sum((self.loss(pairs) for pairs in batches), torch.zeros((), device=device()))
        self.adam.zero_grad()
        loss.backward()
        self.watch.add(number, 1, observed(loss, self.network))
        self.adam.step()
        self.schedule.step()

    def draw(self, sense: Sense) -> Pairs:
        """A batch of different pairs of pictures and what this sense takes in."""
        known = self.cases.paired[sense]
        count = min(self.params.batch_size, len(known))
        numbers = known[torch.randperm(len(known), generator=self.rng)[:count].numpy()]
        seen, partners = (
            tuple(to_device(one, device()) for one in self.cases.take(name, numbers))
            for name in ("picture", sense)
        )
        presences = to_device(torch.from_numpy(self.cases.presences[numbers]), device())
        return Pairs(sense, seen, partners, presences)

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
