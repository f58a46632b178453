"""Training DAVEnet on pairs of picture and speech. Nothing here knows of text, labels or the GAN."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from wordbrush.data.images import to_images
from wordbrush.data.pairs import Pairs
from wordbrush.data.speech import FeatureStore
from wordbrush.davenet import losses
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.matchmap import all_similarities, paired_similarities, similarities
from wordbrush.davenet.retrieval import both_ways, recall
from wordbrush.errors import WordbrushError
from wordbrush.params import Davenet, Training
from wordbrush.telemetry.metrics import waiting_for_data
from wordbrush.telemetry.progress import Progress
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.compute import (
    device,
    mixed_precision,
    require_device_memory,
    require_finite,
    training_bytes,
)
from wordbrush.training.launch import VARIABLE
from wordbrush.training.memory import require_memory
from wordbrush.training.norms import running_moments
from wordbrush.training.parallel import backward, gather, on_main, part, shard, world
from wordbrush.training.signals import finishing_steps

CURVES = ("step", "loss", "edited_above", "recall_10")
VALIDATIONS = 8  # recall of the validation pairs is measured so many times
ENCODE_BATCH = 250
AUDIO_COPIES = 4  # of a layer's frames are kept for the backward pass: on and off the packed, before and after the norm


@dataclass(frozen=True)
class Batch:
    """What an editor of pictures sees of a step, this process' part: sample numbers, pictures, features of both branches."""

    index: np.ndarray
    images: Tensor
    image_features: Tensor
    audio_features: Tensor
    lengths: Tensor


@dataclass(frozen=True)
class Edited:
    """Edited pictures [B, 3, H, W] and whether each is a valid negative [B]; `donors` [B], where there are any: the number of the
    sample, among those of all processes, whose units each was given."""

    pictures: Tensor
    valid: Tensor
    donors: Tensor | None = None


class Editor(Protocol):
    """A batch to its edited pictures (P §5.2: g_n)."""

    rng: torch.Generator

    def __call__(self, batch: Batch) -> Edited: ...


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


def require_room(davenet: Davenet, speech: FeatureStore, edited: bool) -> None:
    """Raises WordbrushError where the memory does not hold a step; `edited`: with edited pictures beside the batch's own."""
    longest = float(speech.lengths.max() * speech.hop)
    seconds = min(davenet.crop_max_seconds, longest) + edited * longest
    batch = part(davenet.batch_size)
    frames = batch * seconds / speech.hop
    strides = np.cumprod([1, *(2 if layer.pool else 1 for layer in davenet.audio_layers[:-1])])
    heard = sum(
        frames / stride * layer.channels
        for stride, layer in zip(strides, davenet.audio_layers, strict=True)
    )
    pictures = torch.Size((batch * (1 + edited), 3, davenet.image_size, davenet.image_size))
    seen = training_bytes(
        lambda: Encoders(EncoderConfig.of(davenet, speech.config)),
        lambda encoders: encoders.encode_images(torch.empty(pictures)),
    )
    require_device_memory(
        "a step of DAVEnet",
        seen + round(4 * AUDIO_COPIES * heard),
        "lower davenet.batch_size or the channels of davenet",
    )


def require_equal_edits(davenet: Davenet, stage: Training) -> None:
    """Raises WordbrushError where several processes would edit other rows of a batch than one does."""
    rows = part(davenet.batch_size)
    if world() > 1 and rows % stage.edit_every:
        raise WordbrushError(
            f"an edit for every {stage.edit_every} pairs cannot be shared equally by {world()} processes of "
            f"{rows} pairs each: choose another edit_every or davenet.batch_size in params.yaml, or another "
            f"{VARIABLE}."
        )


def train(
    encoders: Encoders,
    pairs: Pairs,
    train_on: range,
    validate_on: range,
    davenet: Davenet,
    stage: Training,
    mining: str,
    seed: int,
    editor: Editor | None = None,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> list[tuple[float, ...]]:
    """Train in place; returns the rows of CURVES."""
    if editor:
        require_equal_edits(davenet, stage)
    where = device()
    encoders.to(where).train()
    chance, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    optimiser = make_optimiser(encoders, davenet, stage.learning_rate)
    decay = make_decay(optimiser, davenet, stage.steps)
    batches = Shuffled(train_on, davenet.batch_size, rng)
    parts = {
        "encoders": encoders,
        "optimiser": optimiser,
        "decay": decay,
        "batches": batches,
        "chance": chance,
        "rng": rng,
    }
    parts |= {"editor": editor.rng} if editor else {}
    state = checkpoints.restore(parts) or {"step": 0, "rows": [], "recent": []}
    rows, recent = state["rows"], state["recent"]
    measure = partial(validation_recall, encoders, pairs, validate_on, davenet.similarity)
    with (
        finishing_steps(),
        Progress(
            f"learning, {mining} negatives",
            stage.steps,
            "step",
            state["step"],
            (batches.batch, "pair"),
        ) as progress,
    ):
        for step in range(state["step"] + 1, stage.steps + 1):
            mined = "random" if step <= stage.warmup_steps else mining
            loss, above = train_step(
                encoders, pairs, next(batches), davenet, stage, mined, rng, chance, editor
            )
            optimiser.zero_grad()
            backward(loss, encoders)
            require_finite("DAVEnet", step, checkpoints.kept, loss.detach(), encoders)
            optimiser.step()
            decay.step()
            recent.append((loss.item(), above))
            progress.advance()
            if step % davenet.log_every == 0 or step == stage.steps:
                due = (
                    len(rows) % max(1, stage.steps // davenet.log_every // VALIDATIONS) == 0
                    or step == stage.steps
                )
                found = on_main(measure) if due else rows[-1][3]
                rows.append((step, *np.mean(recent, 0).tolist(), found))
                recent.clear()
                progress.note(
                    loss=rows[-1][1], recall_10=found, learning_rate=decay.get_last_lr()[0]
                )
            checkpoints.offer(step, parts, {"step": step, "rows": rows, "recent": recent})
    encoders.eval()
    return rows


def train_step(
    encoders: Encoders,
    pairs: Pairs,
    index: np.ndarray,
    davenet: Davenet,
    stage: Training,
    mining: str,
    rng: np.random.Generator,
    chance: torch.Generator,
    editor: Editor | None,
) -> tuple[Tensor, float]:
    """The loss of one batch, and the share of edited pictures that still score above the true one."""
    where = device()
    with waiting_for_data():
        images = to_images(pairs.images[shard(index)]).to(where)
        features, lengths = map(
            shard,
            pairs.speech.crops(
                index, davenet.crop_share, davenet.crop_min_seconds, davenet.crop_max_seconds, rng
            ),
        )
    with mixed_precision():
        image_features = encoders.encode_images(images)
        audio_features, lengths = encoders.encode_audio(features.to(where), lengths.to(where))
    heard = audio_features, lengths
    if mining == "random":  # which pairs meet is known beforehand
        scores, triplets = None, random_triplets(image_features, *heard, davenet.similarity, chance)
    else:
        scores = gather(
            similarities(
                image_features, gather(audio_features), gather(lengths), davenet.similarity
            )
        )
        triplets = losses.mine(scores, mining)
    edits = (
        score_edits(encoders, pairs, index, images, image_features, davenet, stage, editor)
        if editor
        else None
    )
    above = (
        float((edits.excess >= 0)[edits.valid].float().mean())
        if edits and edits.valid.any()
        else 0.0
    )
    if davenet.loss == "margin":
        return losses.margin_ranking(
            triplets, mining, davenet.margin, edits, stage.edit_weight
        ), above
    if scores is not None and mining == "hard":
        return losses.batch_softmax(scores, davenet.temperature, edits, stage.edit_weight), above
    return losses.logistic_ranking(triplets, davenet.temperature, edits, stage.edit_weight), above


def score_edits(
    encoders: Encoders,
    pairs: Pairs,
    index: np.ndarray,
    images: Tensor,
    image_features: Tensor,
    davenet: Davenet,
    stage: Training,
    editor: Editor,
) -> losses.EditedScores:
    """Edit every `edit_every`-th picture of a batch, and compare what whole captions make of it.

    A piece of a caption may not tell of what was edited, and would be asked to refuse a picture that it fits.
    """
    some = slice(None, None, stage.edit_every)
    longest = int(
        pairs.speech.lengths[index].max()
    )  # of all processes, which gather what they hear
    index = shard(index)[some]
    with waiting_for_data():
        features, lengths = pairs.speech.batch(index, longest)
    with mixed_precision():
        with running_moments(
            encoders.audio
        ):  # those of whole captions are others, and would spoil the words
            heard, lengths = encoders.encode_audio(
                features.to(images.device), lengths.to(images.device)
            )
        with torch.no_grad():
            edited = editor(Batch(index, images[some], image_features[some], heard, lengths))
        both = torch.cat([image_features, encoders.encode_images(edited.pictures)])
    before = torch.arange(len(images), device=images.device)[some]
    after = len(images) + torch.arange(len(index), device=images.device)

    def gained(heard: Tensor, lengths: Tensor) -> Tensor:
        """By how much captions, one a row that is edited, score the edited pictures above the ones before; 0 for other rows."""
        captions = torch.arange(len(heard), device=heard.device).repeat(2)
        scores = paired_similarities(
            both, heard, lengths, davenet.similarity, torch.cat([after, before]), captions
        )
        return spread(torch.sub(*scores.chunk(2)))

    def spread(values: Tensor) -> Tensor:
        rows = values.new_zeros(len(images))
        rows[some] = values
        return gather(rows)

    of_donor = (
        None
        if edited.donors is None
        else gained(*(gather(part)[edited.donors] for part in (heard, lengths)))
    )
    return losses.EditedScores(gained(heard, lengths), spread(edited.valid), of_donor)


def random_triplets(
    images: Tensor, audio: Tensor, lengths: Tensor, kind: str, rng: torch.Generator
) -> losses.TripletScores:
    """The triplets of every pair with one impostor of either kind, drawn at random from the whole batch."""
    images, audio, lengths = gather(images), gather(audio), gather(lengths)
    own = torch.arange(len(images))
    utterances, pictures = (losses.random_impostors(len(images), rng) for _ in range(2))
    left = torch.cat([shard(one) for one in (own, own, pictures)]).to(images.device)
    right = torch.cat([shard(one) for one in (own, utterances, own)]).to(images.device)
    return losses.TripletScores(
        *map(gather, paired_similarities(images, audio, lengths, kind, left, right).chunk(3))
    )


def make_optimiser(encoders: Encoders, davenet: Davenet, rate: float) -> torch.optim.Optimizer:
    if davenet.optimiser == "sgd":
        return torch.optim.SGD(encoders.parameters(), lr=rate, momentum=davenet.momentum)
    return torch.optim.Adam(
        encoders.parameters(), lr=rate, betas=(davenet.momentum, 0.999), fused=True
    )


def make_decay(
    optimiser: torch.optim.Optimizer, davenet: Davenet, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """By steps (D), or along a cosine to 0 at the stage's end."""
    if davenet.decay == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    return torch.optim.lr_scheduler.StepLR(optimiser, davenet.decay_steps, davenet.decay_factor)


@torch.no_grad()
def encode_pairs(
    encoders: Encoders, pairs: Pairs, indices: np.ndarray
) -> tuple[Tensor, Tensor, Tensor]:
    """Features of pictures [N, D, h, w] and speech [N, D, t] with lengths [N], in evaluation mode, on the CPU."""
    images = encode_images(encoders, pairs.images, indices)
    audio, lengths = encode_speech(encoders, pairs.speech, indices)
    return images, audio, lengths


@torch.no_grad()
def encode_images(encoders: Encoders, images: np.ndarray, indices: np.ndarray) -> Tensor:
    """Features [N, D, h, w] of the pictures with these numbers."""
    indices, features = np.asarray(indices), None
    for rows in parts(len(indices)):
        part = encoders.encode_images(to_images(images[indices[rows]]).to(device())).cpu()
        features = room_for(features, len(indices), part.shape[1:])
        features[rows] = part
    return features


@torch.no_grad()
def encode_speech(
    encoders: Encoders, speech: FeatureStore, indices: np.ndarray
) -> tuple[Tensor, Tensor]:
    """Features [N, D, t] and lengths [N] of whole utterances."""
    indices, features, lengths = (
        np.asarray(indices),
        None,
        torch.empty(len(indices), dtype=torch.long),
    )
    width = -(-int(speech.lengths[indices].max()) // encoders.audio.stride)
    for rows in parts(len(indices)):
        part, lengths[rows] = (
            one.cpu()
            for one in encoders.encode_audio(
                *(one.to(device()) for one in speech.batch(indices[rows]))
            )
        )
        features = room_for(features, len(indices), (part.shape[1], width))
        features[rows, :, : part.shape[2]] = part
    return features, lengths


def parts(count: int) -> Iterator[slice]:
    """So many samples, ENCODE_BATCH at a time."""
    return (slice(at, at + ENCODE_BATCH) for at in range(0, count, ENCODE_BATCH))


def room_for(features: Tensor | None, count: int, shape: Sequence[int]) -> Tensor:
    """`features`, or, before the first part of them came, zeros for so many."""
    if features is not None:
        return features
    require_memory(
        f"the features of {count} samples",
        4 * count * math.prod(shape),
        "lower the numbers of samples",
    )
    return torch.zeros(count, *shape)


def validation_recall(encoders: Encoders, pairs: Pairs, indices: range, kind: str) -> float:
    """Recall@10, mean of both directions, among the validation pairs."""
    encoders.eval()
    scores = all_similarities(*encode_pairs(encoders, pairs, np.asarray(indices)), kind)
    encoders.train()
    return recall(both_ways(scores), 10)
