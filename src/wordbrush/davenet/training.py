"""Training DAVEnet on pairs of picture and speech. It knows nothing of text, labels or the GAN."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.optim import lr_scheduler

from wordbrush.data.loader import BatchPlan, Loader, PairBatch, by_language
from wordbrush.data.pairs import Pairs
from wordbrush.data.speech import Crops
from wordbrush.data.twin_loader import TwinLoader, TwinPlan, twin_rows
from wordbrush.davenet.augmentation.augmenter import Augmenter
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.encoding import encode_captions, encode_images
from wordbrush.davenet.kernels import all_similarities, paired_similarities, similarities
from wordbrush.davenet.locked import LockedPictures
from wordbrush.davenet.losses import EditedScores, languages_loss
from wordbrush.davenet.negatives import EditedNegatives, Editor
from wordbrush.davenet.objective import Objective, TwinContest, make_curriculum, surrogate_of
from wordbrush.davenet.requirements import require_equal_edits, require_equal_turns
from wordbrush.davenet.retrieval import both_ways, recall
from wordbrush.params import Against, Davenet, Mining, Pretraining, Training, Twins
from wordbrush.telemetry.metrics import edited, waiting_for_data
from wordbrush.telemetry.progress import Progress
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.compute import (
    channels_last,
    device,
    device_of,
    mixed_precision,
    random_numbers,
)
from wordbrush.training.graphs import Graphs
from wordbrush.training.parallel import (
    backward,
    gather,
    on_main,
    own_rows,
    part,
    shard,
    whole,
)
from wordbrush.training.signals import finishing_steps
from wordbrush.training.watch import Watch, observed

Figures = tuple[Tensor, Tensor]
Learning = Literal["both", "audio", "context"]
CURVES = ("step", "loss", "edited_above", "recall_10")
VALIDATIONS = 8  # times that recall on the validation pairs is measured


@dataclass(frozen=True)
class Settings:
    """How a stage trains: the parameters of DAVEnet, of the stage, its mining and its seed.

    against: whose impostors edited pictures are (negatives.EditedNegatives). twins: how drawings
    stand beside the twins of the pairs; None where these have none.
    """

    davenet: Davenet
    stage: Training
    mining: Mining
    seed: int
    against: Against
    twins: Twins | None = None

    @property
    def phases(self) -> tuple[int, int, int]:
        """The steps of both branches, of the audio branch alone, and of the heads of context."""
        stage = self.stage
        if not isinstance(stage, Pretraining):
            return stage.steps, 0, 0
        return stage.steps, stage.locked_steps, stage.context_steps

    @property
    def steps(self) -> int:
        return sum(self.phases)

    def learning(self, step: int) -> Learning:
        """What learns in a step, counted from 1."""
        joint, locked, _ = self.phases
        if step <= joint:
            return "both"
        return "audio" if step <= joint + locked else "context"

    def contextual(self, step: int) -> bool:
        """Whether the heads of context answer in a step; behind pretraining, always."""
        return not isinstance(self.stage, Pretraining) or self.learning(step) == "context"

    def quantised(self, step: int) -> tuple[int, ...]:
        """The layers that are quantised in a step, counted from 1; behind pretraining, all."""
        growing = isinstance(self.stage, Pretraining)
        named = self.davenet.quantisers
        return tuple(one.layer for one in named if not growing or step > one.from_step)


@dataclass(frozen=True)
class Given:
    """All that differs from one step to the next of its kind.

    batch: on the device. learning: what does. strength: of augmentations. seen: the features of
    pictures whose branch is locked. origins: what edits are made from.
    """

    batch: PairBatch
    learning: Learning
    strength: float | Tensor
    seen: Tensor | None
    origins: Tensor | None

    @property
    def tensors(self) -> list[Tensor]:
        """All tensors, in one order."""
        others = (self.strength, self.seen, self.origins)
        return [*self.batch.tensors.values(), *(one for one in others if isinstance(one, Tensor))]

    def holding(self, *tensors: Tensor) -> "Given":
        """The same with these tensors."""
        following = iter(tensors)
        return Given(
            self.batch.map(lambda _: next(following)),
            self.learning,
            next(following) if isinstance(self.strength, Tensor) else self.strength,
            None if self.seen is None else next(following),
            None if self.origins is None else next(following),
        )


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
        chosen = shard(pictures), shard(utterances)
        return gather(paired_similarities(seen, heard, self.similarity, chosen))


class Trainer:
    """Encoders in training, and all that changes with them from step to step."""

    def __init__(
        self,
        encoders: Encoders,
        pairs: Pairs,
        settings: Settings,
        editor: Editor | None = None,
    ):
        davenet, stage = settings.davenet, settings.stage
        self.settings = settings
        self.encoders = placed(encoders, device()).train()
        self.davenet, self.editor = davenet, editor
        self.languages = max(1, len(davenet.languages))  # that take turns in the rows of a batch
        self.chance = random_numbers(settings.seed)  # of random impostors
        edit_every = stage.edit_every if editor is not None else 0
        self.batches = make_loader(pairs, davenet, edit_every, settings.seed, settings.twins)
        self.twins = None if settings.twins is None else self.twin_contest(settings.twins)
        self.curriculum = make_curriculum(davenet, stage, settings.mining, self.chance)
        self.augmenter = None
        if davenet.augmentation.used:
            self.augmenter = Augmenter(davenet.augmentation, pairs.speech.config, settings.seed)
        self.graphs = self.make_graphs()
        self.optimiser = make_optimiser(
            self.encoders, davenet, stage.learning_rate, self.graphs.used
        )
        self.graphs.adopt(self.optimiser, device())
        self.decay = make_decay(self.optimiser, davenet, settings.phases)
        self.pairs = pairs
        self.locked: LockedPictures | None = None
        self.ramp_steps = stage.ramp_steps
        self.watch = Watch("DAVEnet")
        self.edit = None
        if editor is not None:
            self.edit = EditedNegatives(
                self.encoders, editor, edit_every, davenet.similarity, settings.against
            )
            self.edits_a_step = whole(-(-part(self.batches.size) // edit_every))

    def twin_contest(self, twins: Twins) -> TwinContest | None:
        """Of edits, which are impostors of their drawings; plain twins are no more than others."""
        if twins.kind != "edited":
            return None
        rows = twin_rows(self.batches.rows, twins.pairs_a_batch)
        drawings, others = (one.to(device()) for one in rows)
        return TwinContest(surrogate_of(self.davenet), twins.weight, drawings, others)

    def make_graphs(self) -> Graphs:
        """Of steps that draw from all random numbers of this training."""
        drawn = [self.chance]
        drawn += [] if self.augmenter is None else [self.augmenter.rng]
        drawn += [] if self.editor is None else [self.editor.rng]
        return Graphs(*drawn)

    def parts(self) -> dict[str, Any]:
        """All that changes, for checkpoints."""
        names = ("encoders", "optimiser", "decay", "batches", "chance")
        parts = {name: getattr(self, name) for name in names}
        if self.augmenter is not None:
            parts["augmenter"] = self.augmenter.rng
        return parts | ({} if self.editor is None else {"editor": self.editor.rng})

    def step(self, number: int) -> None:
        """One step, counted from 1, on the next batch; `results` reads what it gave."""
        with waiting_for_data():
            batch = next(self.batches)
        self.descend(number, batch)

    def results(self, kept: str = "") -> list[tuple[float, float]]:
        """Of every step since they were read last: its loss, and the share of edited pictures that
        score above the true ones.

        Raises Diverged, which names the checkpoint `kept`, where a number is not finite.
        """
        rows = self.watch.read(kept)
        if self.edit is not None:
            edited(len(rows) * self.edits_a_step, int(sum(differ for _, _, differ in rows)))
        return [(loss, above) for loss, above, _ in rows]

    def descend(self, number: int, batch: PairBatch) -> None:
        """The step with this number, on this batch."""
        given, objective = self.given(number, batch.to(device())), self.curriculum.at(number)
        quantised = self.settings.quantised(number)
        for audio in self.encoders.audios:
            audio.quantise(quantised)
        self.encoders.contextual = self.settings.contextual(number)
        learn = partial(self.learn, given, objective)
        kind = objective, given.learning, quantised
        row = self.graphs.run(kind, learn, *given.tensors)
        self.watch.add(number, 1, row)
        self.decay.step()

    def given(self, number: int, batch: PairBatch) -> Given:
        """What the step with this number reads, on the device."""
        grown = min(1.0, number / (self.ramp_steps + 1))
        strength = self.graphs.changing(grown, batch.features.device)
        if self.graphs.used:
            batch = batch.of_few_widths()
        origins = None if self.edit is None else self.edit.origins(batch)
        learning = self.settings.learning(number)
        seen = None if learning == "both" else self.locked_features(batch)
        return Given(batch, learning, strength, seen, origins)

    def learn(self, given: Given, objective: Objective, *tensors: Tensor) -> Tensor:
        """Change the weights; returns the step's row for `watch`."""
        loss, figures = self.loss(given.holding(*tensors), objective)
        self.optimiser.zero_grad()
        backward(loss, self.encoders)
        row = observed(loss, self.encoders, figures=figures)
        self.optimiser.step()
        return row

    def loss(self, given: Given, objective: Objective) -> tuple[Tensor, Figures]:
        """Of a batch; changes nothing but norms and random states."""
        batch = self.augmented(given.batch, given.strength)
        with mixed_precision():
            if given.seen is None:
                seen = self.encoders.encode_images(batch.images)
            else:
                seen = self.encoders.seen_in_context(Encoded(given.seen))
            locked = given.learning == "context"
            heard = self.encoders.encode_in_turn(batch.features, batch.lengths, locked)
        edits = None if self.edit is None else self.edit(batch, seen, heard, given.origins)
        scores = SharedScores(seen, heard, self.davenet.similarity)
        loss = in_each_language(objective, scores, batch.positives, edits, self.languages)
        if self.davenet.language_weight:
            between = between_languages(heard, batch.positives, self.davenet, self.languages)
            loss = loss + self.davenet.language_weight * between
        if self.twins is not None and batch.certainty is not None:
            loss = loss + self.twins(scores, batch.certainty)
        others = auxiliary_losses(self.encoders, seen, heard)
        return sum(others, start=loss), figures_of(edits, loss)

    def locked_features(self, batch: PairBatch) -> Tensor:
        """The features of the batch's pictures, whose branch is locked.

        A resumed training computes them anew, from the same weights.
        """
        if self.locked is None:
            self.locked = LockedPictures(self.encoders, self.pairs)
        return self.locked.of(batch.pictures)

    def augmented(self, batch: PairBatch, strength: float | Tensor) -> PairBatch:
        """The batch as it is heard in a step of this strength."""
        if self.augmenter is None:
            return batch
        features, lengths = self.augmenter(batch.features, batch.lengths, strength)
        return replace(batch, features=features, lengths=lengths)


def train(
    encoders: Encoders,
    pairs: Pairs,
    settings: Settings,
    editor: Editor | None = None,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> list[tuple[float, ...]]:
    """Train in place on the split `train`; returns the rows of CURVES."""
    davenet, steps = settings.davenet, settings.steps
    if editor is not None:
        require_equal_edits(davenet, settings.stage)
    trainer = Trainer(encoders, pairs, settings, editor)
    state = checkpoints.restore(trainer.parts()) or {"step": 0, "rows": [], "recent": []}
    trainer.graphs.adopt(trainer.optimiser, device())
    done, rows, recent = state["step"], state["rows"], state["recent"]

    def checked(step: int) -> dict[str, Any]:
        recent.extend(trainer.results(checkpoints.kept))
        return {"step": step, "rows": rows, "recent": recent}

    rows_a_validation = max(1, steps // davenet.log_every // VALIDATIONS)
    title, batch = f"learning, {settings.mining} negatives", (trainer.batches.rows, "pair")
    with finishing_steps(), Progress(title, steps, "step", done, batch) as progress:
        for step in range(done + 1, steps + 1):
            trainer.step(step)
            progress.advance()
            at_mark = step % davenet.log_every == 0 or step == steps
            if at_mark or trainer.watch.due:
                recent.extend(trainer.results(checkpoints.kept))
            if at_mark:
                if len(rows) % rows_a_validation == 0 or step == steps:
                    found = on_main(lambda: validation_recall(encoders, pairs, davenet.similarity))
                else:
                    found = rows[-1][3]
                rows.append((step, *np.mean(recent, 0).tolist(), found))
                recent.clear()
                rate = float(trainer.decay.get_last_lr()[0])
                progress.note(loss=rows[-1][1], recall_10=found, learning_rate=rate)
            checkpoints.offer(step, trainer.parts(), partial(checked, step))
    encoders.eval()
    return rows


def make_loader(
    pairs: Pairs, davenet: Davenet, edit_every: int, seed: int, twins: Twins | None = None
) -> Loader:
    """Batches of the split `train`, of which each process has an equal part."""
    captions = pairs.manifest.captions("train")
    turns = by_language(pairs.manifest, captions, davenet.languages)
    size = min(davenet.batch_size, len(turns) * min(map(len, turns)))
    require_equal_turns(size, len(turns))
    size -= 0 if twins is None else 2 * twins.pairs_a_batch
    crops = Crops(davenet.crop_share, davenet.crop_min_seconds, davenet.crop_max_seconds)
    plan = BatchPlan(
        size,
        own_rows(size),
        crops,
        edit_every,
        davenet.length_pool,
        davenet.image_flip,
        davenet.languages,
        davenet.language_weight > 0,
    )
    if twins is None:
        return Loader(pairs, captions, plan, seed)
    twin_plan = TwinPlan(twins.pairs_a_batch, own_rows(twins.pairs_a_batch))
    return TwinLoader(pairs, captions, plan, twin_plan, seed)


def in_each_language(
    objective: Objective,
    scores: SharedScores,
    positives: Tensor,
    edits: EditedScores | None,
    languages: int,
) -> Tensor:
    """The mean over languages of the loss of their captions, which take turns in the rows: each
    pair of modalities, pictures and one language, has impostors of its own."""
    if languages == 1:
        return objective(scores, positives, edits)
    losses = []
    for turn in range(languages):
        rows = slice(turn, None, languages)
        some = SharedScores(scores.seen[rows], scores.heard[rows], scores.similarity)
        losses.append(objective(some, positives[rows, rows], edits and edits.of(rows)))
    return torch.stack(losses).mean()


def between_languages(heard: Encoded, positives: Tensor, davenet: Davenet, turns: int) -> Tensor:
    """The mean over pairs of languages of `languages_loss`, by the means of captions' frames."""
    frames = heard.valid[:, None] * heard.features
    means = gather(frames.sum(2) / heard.frame_counts[:, None])
    losses = [
        languages_loss(
            means[one::turns] @ means[other::turns].T,
            positives[one::turns, other::turns],
            davenet.temperature,
        )
        for one, other in combinations(range(turns), 2)
    ]
    return torch.stack(losses).mean()


def figures_of(edits: EditedScores | None, loss: Tensor) -> Figures:
    """Of the valid edited pictures, how many their own utterances score at least as high; and how
    many are valid. Both are 0 without edits."""
    if edits is None:
        return loss.new_zeros(()), loss.new_zeros(())
    valid = edits.valid.sum()
    above = (edits.valid & (edits.excess >= 0)).sum()
    return above.float() / valid.clamp(min=1), valid.float()


def auxiliary_losses(encoders: Encoders, seen: Encoded, heard: Encoded) -> Iterable[Tensor]:
    """What encoders themselves add to the loss, as the mean over all processes."""
    losses = seen.auxiliary_loss, heard.auxiliary_loss, encoders.paired_loss(seen, heard)
    return (gather(one[None]).mean() for one in losses if one is not None)


def validation_recall(encoders: Encoders, pairs: Pairs, similarity: str) -> float:
    """Recall@10 in percent, mean of both directions, among the captions of `validation`."""
    encoders.eval()
    captions = pairs.manifest.captions("validation")
    pictures = pairs.manifest.pictures(captions)
    seen = encode_images(encoders, pairs.images, pictures)
    heard = encode_captions(encoders, pairs, captions)
    scores = all_similarities(seen, heard, similarity)
    encoders.train()
    positives = torch.from_numpy(pairs.manifest.positives(captions, pictures))
    return recall(both_ways(scores, positives), 10)


def placed(encoders: Encoders, where: torch.device) -> Encoders:
    """The encoders on a device. On GPUs all their convolutions keep channels last, as the pictures
    do, and no weight is turned around in every step; on CPUs weights stay as they are, since
    another format would round otherwise."""
    return channels_last(encoders, where) if where.type == "cuda" else encoders.to(where)


def make_optimiser(
    encoders: Encoders, davenet: Davenet, rate: float, recorded: bool
) -> torch.optim.Optimizer:
    """Of both branches: SGD with momentum (D), or Adam. recorded: for steps that are.

    One kernel for all weights (`fused`), but for SGD on CPUs, which would round otherwise.
    """
    weights, momentum = encoders.parameters(), davenet.momentum
    if davenet.optimiser == "sgd":
        fused = recorded or device_of(encoders).type == "cuda"
        return torch.optim.SGD(weights, lr=rate, momentum=momentum, fused=fused)
    betas = momentum, 0.999
    return torch.optim.Adam(weights, lr=rate, betas=betas, fused=True, capturable=recorded)


def make_decay(
    optimiser: torch.optim.Optimizer, davenet: Davenet, phases: Sequence[int]
) -> lr_scheduler.LRScheduler:
    """By steps (D), or along a cosine to 0; anew for each phase of so many steps."""
    decays: list[lr_scheduler.LRScheduler] = [
        lr_scheduler.CosineAnnealingLR(optimiser, count)
        if davenet.decay == "cosine"
        else lr_scheduler.StepLR(optimiser, davenet.decay_steps, davenet.decay_factor)
        for count in phases
        if count
    ]
    if len(decays) == 1:
        return decays[0]
    ends = np.cumsum([count for count in phases if count])[:-1].tolist()
    return lr_scheduler.SequentialLR(optimiser, decays, ends)
