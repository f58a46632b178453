"""What this process may use, on systems that do not report what Linux reports."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from wordbrush.process import usable_cores
from wordbrush.training.compute import device

MODEL = Path(__file__).resolve().parents[1] / "models/small"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no affinity")
def test_cores_are_those_that_the_process_may_use():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_without_affinity_all_cores_count(monkeypatch):
    """As on macOS."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert usable_cores() == os.cpu_count()


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_a_gpu_is_used_where_there_is_one(monkeypatch, cuda, mps, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert device().type == chosen


ELSEWHERE = """
import os, sys, sysconfig
import numpy as np
import prometheus_client, psutil, scipy.cluster.hierarchy, soundfile, torch, torchaudio, typer
sysconfig.get_config_vars()  # up to here this system answers; from here on it refuses
sys.platform = "darwin"
for name in ("sched_getaffinity", "sched_setaffinity", "posix_fadvise", "memfd_create"):
    delattr(os, name)
from pathlib import Path
import wordbrush.cli
from wordbrush.model.model import load_model
from wordbrush.training import checkpoints, compute, launch, memory, signals
compute.keep_freed_memory()
compute.set_seed(1)
signals.install()
assert memory.free_memory() > 0
model = load_model(Path(sys.argv[1]))
sound = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
assert torch.isfinite(model.scores(model.draw(2, seed=1), sound)).all()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it takes away what only Linux has")
def test_a_model_runs_without_what_only_linux_has():
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(MODEL)], text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
