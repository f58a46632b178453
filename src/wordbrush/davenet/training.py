"""Training DAVEnet on pairs of picture and speech. It knows nothing of text, labels or the GAN."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wordbrush.data.images import to_images
from wordbrush.data.pairs import Pairs
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.encoding import encode_pairs
from wordbrush.davenet.kernels import all_similarities, paired_similarities, similarities
from wordbrush.davenet.losses import EditedScores
from wordbrush.davenet.negatives import EditedNegatives, Editor
from wordbrush.davenet.objective import make_curriculum
from wordbrush.davenet.requirements import require_equal_edits
from wordbrush.davenet.retrieval import both_ways, recall
from wordbrush.params import Davenet, Mining, Training
from wordbrush.telemetry.metrics import waiting_for_data
from wordbrush.telemetry.progress import Progress
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.compute import device, mixed_precision, require_finite
from wordbrush.training.parallel import backward, gather, on_main, shard
from wordbrush.training.signals import finishing_steps

CURVES = ("step", "loss", "edited_above", "recall_10")
VALIDATIONS = 8  # times that recall on the validation pairs is measured


@dataclass(frozen=True)
class TrainingPairs:
    """The pairs of a training, and which of them it trains on and measures recall on."""

    pairs: Pairs
    train: range
    validation: range


@dataclass(frozen=True)
class Settings:
    """How a stage trains: the parameters of DAVEnet, of the stage, its mining and its seed."""

    davenet: Davenet
    stage: Training
    mining: Mining
    seed: int


class Shuffled:
    """Endless batches of distinct samples, epoch after epoch; a short rest is dropped."""

    def __init__(self, indices: range, batch: int, rng: np.random.Generator):
        self.indices, self.batch, self.rng = np.asarray(indices), min(batch, len(indices)), rng
        self.rest = self.indices[:0]

    def __next__(self) -> np.ndarray:
        if len(self.rest) < self.batch:
            self.rest = self.rng.permutation(self.indices)
        drawn, self.rest = np.split(self.rest, [self.batch])
        return drawn

    def state_dict(self) -> dict[str, np.ndarray]:
        return {"rest": self.rest}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        self.rest = state["rest"]


@dataclass(frozen=True)
class SharedScores:
    """The scores of a whole batch whose features several processes share (mining.BatchScores)."""

    seen: Encoded
    heard: Encoded
    similarity: str

    def all(self) -> Tensor:
        """[N, N]; each process scores its own pictures."""
        return gather(similarities(self.seen, self.heard.map(gather), self.similarity))

    def of(self, pictures: Tensor, utterances: Tensor) -> Tensor:
        """[P]; each process scores an equal part of the pairs."""
        seen, heard = self.seen.map(gather), self.heard.map(gather)
        chosen = tuple(shard(one).to(seen.features.device) for one in (pictures, utterances))
        return gather(paired_similarities(seen, heard, self.similarity, chosen))


class Trainer:
    """Encoders in training, and all that changes with them from step to step."""

    def __init__(
        self,
        encoders: Encoders,
        data: TrainingPairs,
        settings: Settings,
        editor: Editor | None = None,
    ):
        davenet, stage = settings.davenet, settings.stage
        self.encoders = encoders.to(device()).train()
        self.pairs, self.davenet, self.editor = data.pairs, davenet, editor
        self.chance = torch.Generator().manual_seed(settings.seed)  # of random impostors
        self.rng = np.random.default_rng(settings.seed)  # of batches and crops
        self.batches = Shuffled(data.train, davenet.batch_size, self.rng)
        self.curriculum = make_curriculum(davenet, stage, settings.mining, self.chance)
        self.optimiser = make_optimiser(self.encoders, davenet, stage.learning_rate)
        self.decay = make_decay(self.optimiser, davenet, stage.steps)
        self.edit = None
        if editor is not None:
            self.edit = EditedNegatives(
                self.encoders, self.pairs.speech, editor, stage.edit_every, davenet.similarity
            )

    def parts(self) -> dict[str, Any]:
        """All that changes, for checkpoints."""
        names = ("encoders", "optimiser", "decay", "batches", "chance", "rng")
        parts = {name: getattr(self, name) for name in names}
        return parts | ({} if self.editor is None else {"editor": self.editor.rng})

    def step(self, number: int, kept: str = "") -> tuple[float, float]:
        """One step, counted from 1, on the next batch: its loss, and the share of edited pictures
        that score above the true ones."""
        loss, above = self.loss(number, next(self.batches))
        self.descend(number, loss, kept)
        return loss.item(), above

    def descend(self, number: int, loss: Tensor, kept: str = "") -> None:
        """Change the weights.

        Raises Diverged, which names the checkpoint `kept`, where a number is not finite.
        """
        self.optimiser.zero_grad()
        backward(loss, self.encoders)
        require_finite("DAVEnet", number, kept, loss.detach(), self.encoders)
        self.optimiser.step()
        self.decay.step()

    def loss(self, number: int, index: np.ndarray) -> tuple[Tensor, float]:
        """As `step`, of the samples `index` [N]; changes nothing but norms and random states."""
        images, features, lengths = (one.to(device()) for one in self.load(index))
        with mixed_precision():
            seen = self.encoders.encode_images(images)
            heard = self.encoders.encode_audio(features, lengths)
        edits = None if self.edit is None else self.edit(index, images, seen)
        scores = SharedScores(seen, heard, self.davenet.similarity)
        loss = self.curriculum.at(number)(scores, same_sample(index), edits)
        return sum(auxiliary_losses(seen, heard), start=loss), share_above(edits)

    @waiting_for_data()
    def load(self, index: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """This process' part of a batch: pictures, cropped captions and their lengths."""
        davenet = self.davenet
        features, lengths = self.pairs.speech.crops(
            index,
            davenet.crop_share,
            davenet.crop_min_seconds,
            davenet.crop_max_seconds,
            self.rng,
        )
        return to_images(self.pairs.images[shard(index)]), shard(features), shard(lengths)


def train(
    encoders: Encoders,
    data: TrainingPairs,
    settings: Settings,
    editor: Editor | None = None,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> list[tuple[float, ...]]:
    """Train in place; returns the rows of CURVES."""
    davenet, steps = settings.davenet, settings.stage.steps
    if editor is not None:
        require_equal_edits(davenet, settings.stage)
    trainer = Trainer(encoders, data, settings, editor)
    state = checkpoints.restore(trainer.parts()) or {"step": 0, "rows": [], "recent": []}
    done, rows, recent = state["step"], state["rows"], state["recent"]
    rows_a_validation = max(1, steps // davenet.log_every // VALIDATIONS)
    title, batch = f"learning, {settings.mining} negatives", (trainer.batches.batch, "pair")
    with finishing_steps(), Progress(title, steps, "step", done, batch) as progress:
        for step in range(done + 1, steps + 1):
            recent.append(trainer.step(step, checkpoints.kept))
            progress.advance()
            if step % davenet.log_every == 0 or step == steps:
                if len(rows) % rows_a_validation == 0 or step == steps:
                    found = on_main(lambda: validation_recall(encoders, data, davenet.similarity))
                else:
                    found = rows[-1][3]
                rows.append((step, *np.mean(recent, 0).tolist(), found))
                recent.clear()
                rate = trainer.decay.get_last_lr()[0]
                progress.note(loss=rows[-1][1], recall_10=found, learning_rate=rate)
            values = {"step": step, "rows": rows, "recent": recent}
            checkpoints.offer(step, trainer.parts(), values)
    encoders.eval()
    return rows


def same_sample(index: np.ndarray) -> Tensor:
    """bool [N, N]: which utterances of a batch belong to which pictures, by sample numbers [N]."""
    return torch.from_numpy(index[:, None] == index[None])


def share_above(edits: EditedScores | None) -> float:
    """Of the valid edited pictures, how many their own utterances score at least as high; or 0."""
    if edits is None or not edits.valid.any():
        return 0.0
    return float((edits.excess >= 0)[edits.valid].float().mean())


def auxiliary_losses(*encoded: Encoded) -> Iterable[Tensor]:
    """What encoders themselves add to the loss, as the mean over all processes."""
    return (
        gather(one.auxiliary_loss[None]).mean() for one in encoded if one.auxiliary_loss is not None
    )


def validation_recall(encoders: Encoders, data: TrainingPairs, similarity: str) -> float:
    """Recall@10 in percent, mean of both directions, among the validation pairs."""
    encoders.eval()
    encoded = encode_pairs(encoders, data.pairs, np.asarray(data.validation))
    scores = all_similarities(*encoded, similarity)
    encoders.train()
    return recall(both_ways(scores), 10)


def make_optimiser(encoders: Encoders, davenet: Davenet, rate: float) -> torch.optim.Optimizer:
    """Of both branches: SGD with momentum (D), or Adam."""
    if davenet.optimiser == "sgd":
        return torch.optim.SGD(encoders.parameters(), lr=rate, momentum=davenet.momentum)
    betas = davenet.momentum, 0.999
    return torch.optim.Adam(encoders.parameters(), lr=rate, betas=betas, fused=True)


def make_decay(
    optimiser: torch.optim.Optimizer, davenet: Davenet, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """By steps (D), or along a cosine to 0 at the stage's end."""
    if davenet.decay == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    return torch.optim.lr_scheduler.StepLR(optimiser, davenet.decay_steps, davenet.decay_factor)
