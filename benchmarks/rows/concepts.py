"""Which units draw a concept: their thresholds, and their agreement with concepts.

The baselines are gandissect's running quantile and its counts per picture.
"""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.bench import Bench, Line, Target
from wordbrush.editing.dissection import agreement, unit_thresholds

SIDE = 8  # of h4
CHUNK = 100  # pictures that gandissect sees at a time (its batch_size)
RESOLUTION = 1024  # of its running quantile (its own default)
FASTER = Target(5)


def setting(bench: Bench) -> tuple[Tensor, Tensor, int, float]:
    """Activations [N, C, h, w], the concept of each cell [N, h, w] (0: none), the number of
    concepts, the top share.

    The activations are smooth in space, as real ones are. Sizes are those of params.yaml with
    --quick, else those of the preset `paper`.
    """
    params = bench.params(None if bench.quick else "paper")
    count, concepts = params.clusters.agreement_samples, params.clusters.count
    rng = torch.Generator().manual_seed(0)
    coarse = torch.randn(count, params.gan.channels[SIDE], SIDE // 2, SIDE // 2, generator=rng)
    seen = torch.randint(0, concepts + 1, (count, 1, SIDE // 2, SIDE // 2), generator=rng).float()
    return (
        F.leaky_relu(F.interpolate(coarse, scale_factor=2, mode="bilinear"), 0.2),
        F.interpolate(seen, scale_factor=2).long().squeeze(1),
        concepts,
        params.clusters.unit_top_share,
    )


def thresholds(bench: Bench) -> Iterator[Line]:
    """The value that each unit's top share of activations exceeds."""
    activations, _, _, share = setting(bench)
    peer = bench.peers.load("gandissect")
    flat = activations.transpose(0, 1).flatten(1)
    exact = flat.sort(1, descending=True).values[:, max(1, round(share * flat.shape[1])) - 1]
    ours = unit_thresholds(activations, share)
    verdict = "exact" if torch.equal(ours, exact) else "NOT EXACT"
    note = f"{verdict}; activations have deviation {flat.std():.2f}"
    if peer:
        error = (running_quantile(peer, activations, share) - exact).abs().max()
        note += f"; the running quantile errs by up to {error:.3f}"
    yield from bench.compare(
        f"thresholds of {activations.shape[1]} units, {len(activations)} pictures",
        lambda: unit_thresholds(activations, share),
        peer and (lambda: running_quantile(peer, activations, share)),
        bench.peers.title("gandissect", "running quantile"),
        FASTER,
        memory=True,
        note=note,
    )


def running_quantile(peer: SimpleNamespace, activations: Tensor, share: float) -> Tensor:
    """As gandissect's `collect_quantiles_and_topk` feeds its quantile."""
    quantile = peer.RunningQuantile(resolution=RESOLUTION)
    for part in activations.split(CHUNK):
        quantile.add(part.permute(0, 2, 3, 1).contiguous().view(-1, part.shape[1]))
    return quantile.quantiles([1.0 - share])[:, 0]


def unit_agreement(bench: Bench) -> Iterator[Line]:
    """Intersection over union of every unit with every concept."""
    activations, seen, concepts, share = setting(bench)
    levels = unit_thresholds(activations, share)
    on = (activations > levels[None, :, None, None]).transpose(0, 1).flatten(1)
    where = seen.flatten() == torch.arange(1, concepts + 1)[:, None]
    peer = bench.peers.load("gandissect")
    counted = peer and (
        lambda: counts_per_picture(peer, activations, seen, concepts, levels, bench.folder())
    )
    ours, exact = agreement(on, where).double(), exact_agreement(on, where)
    note = f"within {(ours - exact).abs().max():.0e} of sums in double precision"
    note += f", gandissect's within {(counted()[1:] - exact).abs().max():.0e}" if counted else ""
    yield from bench.compare(
        f"agreement of {len(on)} units, {concepts} concepts, {len(activations)} pictures",
        lambda: agreement(
            (activations > levels[None, :, None, None]).transpose(0, 1).flatten(1), where
        ),
        counted,
        bench.peers.title("gandissect", "counts per picture"),
        FASTER,
        note=note,
        # the profiler's record of 10,000 pictures, one by one, takes 24 GiB
        memory=bench.quick,
    )


def exact_agreement(on: Tensor, where: Tensor) -> Tensor:
    """IoU [K, C] in double precision, a unit at a time."""
    both = torch.stack([(where & unit).sum(1) for unit in on], 1).double()
    return both / (where.sum(1)[:, None] + on.sum(1)[None] - both)


def counts_per_picture(
    peer: SimpleNamespace,
    activations: Tensor,
    seen: Tensor,
    concepts: int,
    levels: Tensor,
    folder: Path,
) -> Tensor:
    """IoU [1 + K, C] by gandissect's `collect_bincounts`.

    Its network and its segmenter are given their results as already computed.
    """
    (folder / "h4").mkdir()
    model, loader = Precomputed(activations), Loader(len(activations))
    found, *_ = peer.collect_bincounts(
        str(folder), model, loader, {"h4": levels}, Segmentation(seen, concepts)
    )
    return found["h4"]


class Precomputed(torch.nn.Module):
    """Stands for gandissect's instrumented network; its activations are already computed."""

    def __init__(self, activations: Tensor):
        super().__init__()
        self.on_device = torch.nn.Parameter(torch.zeros(1))  # tells gandissect the device
        self.activations, self.number = activations, 0

    def retained_features(self) -> dict[str, Tensor]:
        return {"h4": self.activations[self.number : self.number + 1]}


class Loader:
    """The numbers of the pictures, one by one."""

    batch_size = 1

    def __init__(self, count: int):
        self.count = count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.count))


class Segmentation:
    """Stands for gandissect's segmenter; its segmentations are already computed."""

    def __init__(self, seen: Tensor, concepts: int):
        self.seen, self.concepts = seen, concepts

    def get_label_and_category_names(self) -> tuple[list[tuple[str, str]], list[str]]:
        return [(str(number), "concept") for number in range(self.concepts + 1)], ["concept"]

    def run_and_segment_batch(
        self, number: int, model: Precomputed, **_
    ) -> tuple[Tensor, Tensor, None, tuple[int, int]]:
        model.number, labels = number, self.seen[number]
        return (
            labels[None, None],
            labels.flatten().bincount(minlength=self.concepts + 1)[None],
            None,
            tuple(labels.shape),
        )
