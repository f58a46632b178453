"""docker/lock.py: an image installs all that the project needs, and nothing else."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
DEVELOPMENT = {"pytest", "ruff", "hypothesis", "datasets", "gcp-storage-emulator", "mypy", "grimp"}
STAGES = {"torch", "mitsuba", "espeakng-loader", "matplotlib", "dvc-gs", "kfp", "pyarrow"}
GPU_ONLY = {
    "cuda-bindings",
    "cuda-pathfinder",
    "nvidia-cuda-nvrtc",
    "nvidia-cusolver",
    "nvidia-nvtx",
    "triton",
}


def part(variant: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "docker/lock.py"), variant],
        text=True,
        capture_output=True,
        cwd=folder,
    )


def names(text: str) -> set[str]:
    return {canonicalize_name(name) for name in PIN.findall(text)}


@pytest.mark.parametrize("variant", ["gpu", "cpu"])
def test_an_image_installs_what_its_packages_require(variant):
    """By the metadata of the installed packages: all that they require is installed too."""
    kept = names(part(variant).stdout)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {canonicalize_name(Requirement(text).name) for text in project["dependencies"]} <= kept
    assert kept >= STAGES and not kept & DEVELOPMENT
    left_out = GPU_ONLY if variant == "cpu" else set()
    assert not kept & left_out
    for name in kept:
        for requirement in map(Requirement, distribution(name).requires or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonicalize_name(requirement.name) in kept | left_out, (
                    name,
                    str(requirement),
                )


@pytest.mark.parametrize("variant", ["gpu", "cpu", "build"])
def test_every_line_is_one_of_the_lock_and_every_package_has_hashes(variant):
    lock = (ROOT / "requirements.lock").read_text().splitlines()
    text = part(variant).stdout
    assert set(text.splitlines()) <= set(lock)
    for entry in re.split(r"\n(?=[A-Za-z0-9])", text):
        assert "--hash=sha256:" in entry, entry


def test_packages_are_built_by_the_locked_setuptools_alone():
    assert names(part("build").stdout) == {"setuptools"}


def test_a_stale_lock_or_an_unknown_variant_is_one_sentence(tmp_path):
    assert "gpu|cpu|build" in part("tpu").stderr
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (tmp_path / "requirements.lock").write_text(
        "numpy==2.4.6 \\\n    --hash=sha256:00\n    # via wordbrush (pyproject.toml)\n"
    )
    done = part("cpu", tmp_path)
    assert (
        done.returncode == 1
        and "lacks aiohttp, av, babel, certifi," in done.stderr
        and "make lock" in done.stderr
    )
