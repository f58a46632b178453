"""DAVEnet: a step with the paper's networks, the ranking loss alone, all similarities of a set."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.bench import Bench, Line, Target
from benchmarks.timing import Work
from wordbrush.audio.config import FeatureConfig
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.kernels import all_similarities, similarities
from wordbrush.davenet.losses import Hinge, batch_softmax
from wordbrush.davenet.mining import RandomMining
from wordbrush.davenet.objective import Ranking
from wordbrush.davenet.training import SharedScores, make_optimiser, placed
from wordbrush.params import Davenet, Params
from wordbrush.training.compute import device, mixed_precision, random_numbers
from wordbrush.training.graphs import Graphs

Parts = Callable[[], Iterator[str]]
"""Work that names its parts."""

# Of a caption: 10 s. None of them is padding, which D computes and we skip.
FRAMES = 1024
# Dimensions, cells along a side, frames: D's, of 224×224 pictures and such captions.
D_FEATURES = (1024, 14, 64)
DEMO_FEATURES = (128, 8, 25)  # those of params.yaml
MARGIN_TARGETS = {64: Target(25), 128: Target(50)}  # by batch, against D's loop
DENSEAV_TARGET = Target(1.3)
MOST_LOOPED = 1000  # pairs: D's loop over 5,000 would take the best part of an hour


def davenet_step(bench: Bench) -> Iterator[Line]:
    """A step of the paper's networks on equal pictures and captions, in parts."""
    batch = 4 if bench.quick else 16
    params = bench.params("paper")
    inputs = paper_inputs(params, batch)
    yield from bench.compare(
        f"DAVEnet step, batch {batch}",
        our_step(params, *inputs, random_numbers(0), recorded=False),
        published_paper_step(bench, batch),
        bench.peers.title("davenet", "its modules and loss"),
        memory=True,
        units=batch,
    )


def published_paper_step(bench: Bench, batch: int) -> Parts | None:
    """D's step of the same pictures and captions, if D is there."""
    params, peer = bench.params("paper"), bench.peers.load("davenet")
    rate = params.schedule.pretrain.learning_rate
    return peer and published_step(peer, params.davenet, rate, *paper_inputs(params, batch))


def recorded_step(bench: Bench, batch: int) -> Work:
    """A step of the paper's networks as one launch, where steps are recorded; else as it is."""
    params, rng = bench.params("paper"), random_numbers(0)
    graphs, nothing = Graphs(rng), torch.zeros((), device=device())
    ours = our_step(params, *paper_inputs(params, batch), rng, graphs.used)

    def step() -> Tensor:
        for _ in ours():
            pass
        return nothing

    return lambda: graphs.run("step", step)


def paper_inputs(params: Params, batch: int) -> tuple[Tensor, Tensor]:
    """Noise as pictures, and as 10 s of speech."""
    torch.manual_seed(0)
    size = params.davenet.image_size
    images = torch.randn(batch, 3, size, size, device=device())
    return images, torch.randn(batch, params.captions.bands, FRAMES, device=device())


def our_step(
    params: Params, images: Tensor, features: Tensor, rng: torch.Generator, recorded: bool
) -> Parts:
    """A step of new encoders, with random impostors as P has them.

    rng: draws the impostors, on the device. recorded: whether the step will be.
    """
    davenet, rate = params.davenet, params.schedule.pretrain.learning_rate
    config = EncoderConfig.of(davenet, FeatureConfig.taken_from(params.captions))
    encoders = placed(Encoders(config), device()).train()  # as in a training
    optimiser = make_optimiser(encoders, davenet, rate, recorded)
    margin = random_margin(davenet.margin, rng)
    positives = torch.eye(len(images), dtype=torch.bool, device=device())
    lengths = torch.full((len(images),), FRAMES, device=device())

    def step() -> Iterator[str]:
        with mixed_precision():
            seen, heard = encoders.encode_images(images), encoders.encode_audio(features, lengths)
            yield "forward"
            loss = margin(SharedScores(seen, heard, davenet.similarity), positives)
        yield "loss"
        yield from learn(optimiser, loss)

    return step


def random_margin(margin: float, rng: torch.Generator) -> Ranking:
    """The margin loss with random impostors (P, D)."""
    return Ranking(RandomMining(rng), Hinge(margin), edit_weight=1.0)


def learn(optimiser: torch.optim.Optimizer, loss: Tensor) -> Iterator[str]:
    """What follows a loss: the backward pass and the update, as parts."""
    optimiser.zero_grad()
    loss.backward()
    yield "backward"
    optimiser.step()
    yield "update"


def published_step(peer, davenet: Davenet, rate: float, images: Tensor, features: Tensor) -> Parts:
    """A step of D, as in its `train`."""
    audio, image = (
        peer.Davenet(davenet.embedding).to(device()),
        peer.VGG16(davenet.embedding).to(device()),
    )
    optimiser = torch.optim.SGD(
        [*audio.parameters(), *image.parameters()], rate, momentum=davenet.momentum
    )

    def step() -> Iterator[str]:
        heard, seen = audio(features), image(images)
        yield "forward"
        lengths = torch.full((len(images),), FRAMES).div(round(FRAMES / heard.shape[-1])).int()
        loss = peer.loss(seen, heard, lengths, margin=davenet.margin, simtype=davenet.similarity)
        yield "loss"
        yield from learn(optimiser, loss)

    return step


def features_of(
    count: int, dimensions: int, cells: int, frames: int
) -> tuple[nn.Parameter, nn.Parameter, Tensor]:
    """Pictures [N, D, h, h] and speech [N, D, t] with gradients; lengths [N] from t/2 to t.

    Channels are last, as convolutions leave them.
    """
    rng = torch.Generator().manual_seed(0)
    images = torch.randn(count, dimensions, cells, cells, generator=rng) / dimensions**0.5
    audio = torch.randn(count, frames, dimensions, generator=rng).transpose(1, 2)
    lengths = torch.randint(frames // 2, frames + 1, (count,), generator=rng)
    lengths[0] = frames
    images = images.to(device(), memory_format=torch.channels_last)
    return nn.Parameter(images), nn.Parameter(audio.to(device())), lengths.to(device())


def encoded(images: Tensor, audio: Tensor, lengths: Tensor) -> tuple[Encoded, Encoded]:
    return Encoded(images), Encoded(audio, lengths)


def forgetting(leaves: tuple[nn.Parameter, nn.Parameter], loss) -> Work:
    """Forward and backward of a loss.

    Gradients are released after each run, so that peaks of memory count them anew.
    """

    def work() -> None:
        loss().backward()
        for leaf in leaves:
            leaf.grad = None

    return work


def margin_loss(bench: Bench) -> Iterator[Line]:
    """The ranking loss with random impostors (P, D), forward and backward."""
    for count in (16, 64) if bench.quick else (16, 64, 128, 256):
        yield from margin_loss_of(bench, count)


def margin_loss_of(bench: Bench, count: int) -> Iterator[Line]:
    images, audio, lengths = features_of(count, *D_FEATURES)
    margin, positives = (
        random_margin(1.0, random_numbers(0)),
        torch.eye(count, dtype=torch.bool, device=device()),
    )
    np.random.seed(0)  # D's impostors
    d, denseav = bench.peers.load("davenet"), bench.peers.load("denseav")
    ours = forgetting(
        (images, audio),
        lambda: margin(SharedScores(*encoded(images, audio, lengths), "MISA"), positives),
    )
    loop = d and forgetting((images, audio), lambda: d.loss(images, audio, lengths))
    at_once = denseav and forgetting(
        (images, audio), lambda: denseav.loss(images, audio, lengths, "misa")
    )
    yield from bench.compare(
        f"margin loss, batch {count}",
        ours,
        loop,
        bench.peers.title("davenet", "loop"),
        MARGIN_TARGETS.get(count),
        memory=True,
    )
    yield from bench.compare(
        f"margin loss, batch {count}",
        ours,
        at_once,
        bench.peers.title("denseav", "vectorised"),
        DENSEAV_TARGET,
        memory=True,
    )


def batch_loss(bench: Bench) -> Iterator[Line]:
    """A softmax over all pairs of a batch, forward and backward; only the similarities differ."""
    for count in (16, 64) if bench.quick else (16, 64, 128, 256):
        yield from batch_loss_of(bench, count)


def batch_loss_of(bench: Bench, count: int) -> Iterator[Line]:
    images, audio, lengths = features_of(count, *D_FEATURES)
    denseav = bench.peers.load("denseav")
    mask = torch.arange(audio.shape[2], device=lengths.device) < lengths[:, None]
    positives = torch.eye(count, dtype=torch.bool, device=lengths.device)
    ours = forgetting(
        (images, audio),
        lambda: batch_softmax(
            similarities(*encoded(images, audio, lengths), "MISA"), positives, 1.0
        ),
    )
    theirs = denseav and forgetting(
        (images, audio),
        lambda: batch_softmax(
            denseav.misa(
                {"image_feats": images, "audio_feats": audio[:, :, None], "audio_mask": mask},
                agg_heads=True,
            ).T,
            positives,
            1.0,
        ),
    )
    yield from bench.compare(
        f"loss over all pairs, batch {count}",
        ours,
        theirs,
        bench.peers.title("denseav", "aggregator"),
        DENSEAV_TARGET,
        memory=True,
    )


def similarity_matrix(bench: Bench) -> Iterator[Line]:
    """All similarities of a set, as recall needs them."""
    larger = [(1000, DEMO_FEATURES), (5000, DEMO_FEATURES), (200, D_FEATURES), (1000, D_FEATURES)]
    for count, features in [(200, DEMO_FEATURES), *([] if bench.quick else larger)]:
        yield from similarity_matrix_of(bench, count, features)


def similarity_matrix_of(
    bench: Bench, count: int, features: tuple[int, int, int]
) -> Iterator[Line]:
    images, audio, lengths = features_of(count, *features)
    d, against = bench.peers.load("davenet"), bench.peers.title("davenet", "loop")
    if d and count > MOST_LOOPED:
        d, against = None, f"skipped: a loop over {count**2:,} pairs"
    dimensions, cells, frames = features
    with torch.no_grad():
        yield from bench.compare(
            f"similarities of {count} pairs: {dimensions}-d, {cells}×{cells}, {frames} frames",
            lambda: all_similarities(*encoded(images, audio, lengths), "MISA"),
            d and (lambda: d.matrix(images, audio, lengths)),
            against,
            Target(12) if count == 1000 else None,
            units=count**2,
        )
