"""Training steps on this machine's device, as one command measures them; it may be a CPU."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import machine
from benchmarks.bench import Bench
from benchmarks.device import covered, on_gpu, step_seconds
from benchmarks.machine import for_device
from benchmarks.peers import Peers
from benchmarks.rows import kinds
from benchmarks.rows.davenet import FRAMES, our_step
from tests.replay import TapeRecorder
from wordbrush import params as parameters
from wordbrush.params import Params
from wordbrush.training.compute import device, random_numbers, running_ahead
from wordbrush.training.graphs import recording

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "benchmarks", "--device")


def test_time_in_which_kernels_overlap_counts_once():
    assert covered([]) == 0
    assert covered([(20, 30), (0, 10), (5, 12), (6, 8), (12, 15), (25, 26)]) == 15 + 10


def test_every_step_is_timed_by_itself():
    done = []
    taken = step_seconds(lambda: done.append(len(done)))
    assert len(taken) >= 5 and len(done) > len(taken)  # some warmed up
    assert all(seconds >= 0 for seconds in taken)


def test_a_step_of_the_papers_kind_runs_in_parts_and_whole(tmp_path):
    bench = Bench(True, Peers(), tmp_path)
    params = bench.params("tiny")
    pictures = torch.zeros(2, 3, 16, 16, device=device())
    inputs = (pictures, torch.randn(2, params.captions.bands, FRAMES, device=device()))
    for recorded in (False, True):
        step = our_step(params, *inputs, random_numbers(0), recorded)
        assert list(step()) == ["forward", "loss", "backward", "update"]


def small(tiny: Params, **davenet: object) -> Params:
    davenet |= {"batch_size": 8, "crop_max_seconds": 0.5}
    values = tiny.model_dump()
    values["davenet"] |= davenet
    values["senses"] |= {"width": 16, "word_width": 8, "batch_size": 4}
    if "languages" in davenet:
        values["captions"]["languages"] = davenet["languages"]
        for name in ("random_edits", "targeted_edits"):
            values["schedule"][name]["edit_every"] = 3
    return parameters.parse(values, "small")


def test_steps_of_later_kinds_run_and_are_recorded(tiny, tmp_path):
    """Two widths of batches of the senses may occur, each recorded by itself."""
    codebooks = [{"layer": 1, "codes": 8, "from_step": 0}]
    asked = (
        small(tiny),
        small(tiny, quantisers=codebooks),
        small(tiny, languages=["en", "de"], language_weight=0.5),
    )
    made: list[TapeRecorder] = []

    def seen(generators):
        made.append(TapeRecorder(generators))
        return made[-1]

    bench = Bench(True, Peers(), tmp_path)
    names = []
    with running_ahead(), recording(seen):
        for name, step, units in kinds.steps(bench, *asked):
            names.append(name.split(", batch")[0])
            for _ in range(4):
                step()
            assert units == 8 and made[-1].recorded >= 1, name
    assert names == [
        "DAVEnet step, audio branch alone",
        "DAVEnet step, heads of context",
        "DAVEnet step, codebooks",
        "DAVEnet step, two languages",
        "step of three senses",
    ]


@pytest.mark.skipif(device().type != "cuda", reason="there is no GPU")
def test_launches_are_counted_and_a_kernel_takes_time():
    ones = torch.ones(1 << 20, device="cuda")
    launches, busy = on_gpu(lambda: ones.mul_(2).add_(1))
    assert launches == 2 and busy > 0


def test_gpus_are_given_more_to_do_at_a_time():
    assert for_device({"cpu": 1, "cuda": 2}) == (2 if device().type == "cuda" else 1)
    for sizes in (machine.BATCH, machine.COPIED):
        assert sizes["cuda"] >= 8 * sizes["cpu"]


@pytest.mark.runs
def test_one_command_measures_all_steps_without_git(tmp_path):
    """PATH has no git, as on a machine that got only the files."""
    done = subprocess.run(
        [*COMMAND, "--quick", "--threads", "1", "--json", str(tmp_path / "device.json")],
        cwd=ROOT,
        env={"PATH": str(tmp_path), "PYTHONPATH": str(ROOT / "src")},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "device.json").read_text())
    assert {"machine", "versions", "threads", "limits", "deterministic"} <= set(document)
    names = [step["work"].split(" of ")[0] for step in document["steps"]]
    kinds = 2 if device().type == "cuda" else 1  # on GPUs, recorded as well
    assert names == kinds * ["8 GAN steps", *3 * ["DAVEnet step"]]
    assert done.stdout.count("\n") == len(names)
    for step in document["steps"]:
        assert step["seconds"] > 0 and step["operators"] > 100 and step["per_second"] > 0
        assert 0 < step["share_of_limit"] < 1
        assert (step["launches"] is None) == (step["idle"] is None) == (device().type == "cpu")


def test_options_that_do_not_go_together_are_one_sentence():
    done = subprocess.run([*COMMAND, "--scaling"], cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "--device" in done.stderr
