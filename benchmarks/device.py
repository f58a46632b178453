"""Training steps on this device: how long they take, how many launches, how long the card is idle.

Steps follow each other without waiting, as in a training. On GPUs CUDA events take the time, and
the profiler counts launches and the time in which a kernel runs. `python -m benchmarks --device`
needs no network, git or data, and takes less than four minutes; checkouts of others' code, where
their paths are given, are measured beside ours.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks.bench import Bench, as_published
from benchmarks.machine import Cost, Limits, count_cost
from benchmarks.rows import kinds
from benchmarks.rows.davenet import published_paper_step, recorded_step
from benchmarks.rows.gan import our_step as gan_step
from benchmarks.rows.gan import published_wgan_gp_step, some_pictures, wgan_gp_step
from benchmarks.rows.training import Editing, made_up, repeated_step
from benchmarks.timing import WHOLE, Work, parts
from wordbrush.davenet.negatives import Editor
from wordbrush.params import Params
from wordbrush.training.compute import device
from wordbrush.training.conditions import as_chosen

WARMUP, MOST_STEPS, PROFILED = 5, 200, 5
SECONDS = 2.0  # for the steps of one row, after those that warm up
PAPER_BATCHES = (4, 16)
LAUNCHES = ("cudaLaunchKernel", "cuLaunchKernel", "cudaGraphLaunch", "cudaMemcpy", "cudaMemset")
NANO = 1e-9


class Row(NamedTuple):
    """Training steps that are measured as one, and how many pictures or pairs they handle."""

    name: str
    step: Work
    units: int


@dataclass(frozen=True)
class Measured:
    """A row as JSON.

    operators: that PyTorch runs in a step. launches, idle: of a GPU, a step's launches and the
    share of its time in which no kernel runs. share_of_limit: of the operations of products and
    convolutions, at the limits of their precision.
    """

    work: str
    seconds: float
    spread: float
    steps: int
    per_second: float
    operators: int
    launches: float | None
    idle: float | None
    share_of_limit: float


def measure(bench: Bench, limits: Limits) -> Iterator[Measured]:
    """Every row, with the precision and the algorithms that params.yaml chooses, then others' code.

    On GPUs each of our rows is measured without recorded steps, and then with them. What a recorded
    step computes cannot be counted, and is the same.
    """
    costs: dict[str, Cost] = {}
    kinds = (False, True) if device().type == "cuda" else (False,)
    for recorded in kinds:
        chosen = bench.params().model_copy(update={"cuda_graphs": recorded})
        with as_chosen(chosen):
            for row in rows(bench):
                if not recorded:
                    costs[row.name] = cost_of(row.step)
                named = row._replace(name=row.name + ", recorded" * recorded)
                yield measured(named, costs[row.name], limits)
    for row in published(bench):
        yield measured(row, cost_of(row.step), limits)


def presets(bench: Bench) -> Sequence[str | None]:
    """The demo; on GPUs also larger presets, which would take CPUs too long."""
    return (None, "full", "paper") if many(bench) else (None,)


def many(bench: Bench) -> bool:
    """Whether there is time for more than the demo's steps."""
    return device().type == "cuda" and not bench.quick


def rows(bench: Bench) -> Iterator[Row]:
    """Steps of the GAN and of DAVEnet, of later kinds, and those that others' code is compared
    with."""
    for preset in presets(bench):
        name, params = preset or "demo", bench.params(preset)
        yield gan_row(name, params)
        editing = made_up(bench, params)
        yield davenet_row(f"DAVEnet step of {name}", editing)
        if preset != "paper":  # 100 drawings of 128×128 for each step
            for kind, editor in editing.editors.items():
                yield davenet_row(f"DAVEnet step of {name} with {kind} edits", editing, editor)
    if not bench.quick:
        asked = (bench.params(), bench.params("vq"), bench.params("languages"))
        for name, step, units in kinds.steps(bench, *asked):
            yield Row(name, step, units)
    if many(bench):
        small = bench.params("small")
        title, units = wgan_gp_title(small)
        yield Row(title, wgan_gp_step(small), units)
        for batch in PAPER_BATCHES:
            yield Row(paper_title(batch), recorded_step(bench, batch), batch)


def gan_row(name: str, params: Params) -> Row:
    """Steps of which one has the penalty, as in a training."""
    size = params.scenes.resolution
    batch = params.gan.batch_sizes[size]
    step = gan_step(params.gan, size, some_pictures(batch, size))
    cycle = params.gan.penalty_every

    def steps() -> None:
        for _ in range(cycle):
            step()

    work = f"{cycle} GAN steps of {name}, {size}×{size}, batch {batch}"
    return Row(work, steps, batch * cycle)


def davenet_row(name: str, editing: Editing, editor: Editor | None = None) -> Row:
    batch = editing.params.davenet.batch_size
    step = repeated_step(editing.pairs, editing.params, editor)
    return Row(f"{name}, batch {batch}", step, batch)


def published(bench: Bench) -> Iterator[Row]:
    """Others' steps, as their authors run them: those whose checkouts are given."""
    if not many(bench):
        return
    params = bench.params("small")
    theirs = [(*wgan_gp_title(params), published_wgan_gp_step(bench.peers, params))]
    theirs += [
        (paper_title(batch), batch, published_paper_step(bench, batch)) for batch in PAPER_BATCHES
    ]
    for title, units, step in theirs:
        if step is not None:
            yield Row(f"{title}: others' code", as_published(step), units)


def wgan_gp_title(params: Params) -> tuple[str, int]:
    """Of a step with K's loss, and how many pictures it takes."""
    size = params.scenes.resolution
    batch = params.gan.batch_sizes[size]
    return f"ProGAN step, WGAN-GP, {size}×{size}, batch {batch}", batch


def paper_title(batch: int) -> str:
    """Of a step of the paper's networks on 10 s of speech."""
    return f"DAVEnet step, 10 s, batch {batch}"


def measured(row: Row, cost: Cost, limits: Limits) -> Measured:
    work = row.step
    taken = step_seconds(work)
    median = float(np.median(taken))
    low, high = np.quantile(taken, (0.25, 0.75))
    launches, busy = on_gpu(work) if device().type == "cuda" else (None, None)
    return Measured(
        row.name,
        median,
        float((high - low) / median),
        len(taken),
        row.units / float(np.mean(taken)),
        len(cost.operators),
        launches,
        None if busy is None else max(0.0, 1 - busy / float(np.mean(taken))),
        cost.arithmetic(limits) / median,
    )


def cost_of(step: Work) -> Cost:
    """Of a step that is not the first one, which makes the optimisers' moments."""
    do(step)
    return count_cost(step)[WHOLE]


def do(work: Work) -> None:
    for _ in parts(work):
        pass


def step_seconds(work: Work) -> list[float]:
    """The seconds of each of many steps, of which none waits for the one before."""
    began = time.perf_counter()
    for _ in range(WARMUP):
        do(work)
    once = max((time.perf_counter() - began) / WARMUP, NANO)
    count = max(WARMUP, min(MOST_STEPS, int(SECONDS / once)))
    if device().type != "cuda":
        marks = [time.perf_counter()]
        for _ in range(count):
            do(work)
            marks.append(time.perf_counter())
        return np.diff(marks).tolist()
    events = [torch.cuda.Event(enable_timing=True) for _ in range(count + 1)]
    events[0].record()
    for event in events[1:]:
        do(work)
        event.record()
    torch.cuda.synchronize()
    return [a.elapsed_time(b) / 1000 for a, b in zip(events, events[1:], strict=False)]


def on_gpu(work: Work) -> tuple[float, float]:
    """Launches of a step, and the seconds in which a kernel or copy of it runs."""
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        for _ in range(PROFILED):
            do(work)
        torch.cuda.synchronize()
    results = profiled.profiler
    assert results is not None  # the profile has ended
    events = results.kineto_results.events()
    launches = sum(event.name().startswith(LAUNCHES) for event in events)
    running = [
        (event.start_ns(), event.start_ns() + event.duration_ns())
        for event in events
        if event.device_type() == DeviceType.CUDA
    ]
    return launches / PROFILED, covered(running) * NANO / PROFILED


def covered(intervals: Iterable[tuple[int, int]]) -> int:
    """The length of the union of intervals (start, end)."""
    total, reached = 0, None
    for start, end in sorted(intervals):
        if reached is None or start > reached:
            total, reached = total + end - start, end
        elif end > reached:
            total, reached = total + end - reached, end
    return total


def sentence(one: Measured) -> str:
    """A row in words."""
    card = (
        f", {one.launches:.0f} launches, idle {100 * one.idle:.0f} %"
        if one.launches is not None and one.idle is not None
        else ""
    )
    return (
        f"{one.work}: {1000 * one.seconds:.3g} ms (± {100 * one.spread:.0f} %), "
        f"{one.per_second:,.0f}/s, {one.operators} operators{card}, "
        f"{100 * one.share_of_limit:.3g} % of the limit"
    )
