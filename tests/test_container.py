"""`wordbrush doctor --image`, on good folders of an image and on faulty ones."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from wordbrush import container
from wordbrush.doctor import packages

ROOT = Path(__file__).resolve().parents[1]
WORDBRUSH = str(Path(sys.executable).parent / "wordbrush")


@pytest.fixture
def source(tmp_path) -> Path:
    """The folder /opt/wordbrush of a good image, with a lock of a few packages."""
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(
        ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    pins = "".join(
        f"{name}=={version(name)} \\\n    --hash=sha256:00\n" for name in ("numpy", "torch", "kfp")
    )
    (tmp_path / "requirements.lock").write_text(pins)
    return tmp_path


def doctor(source: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [WORDBRUSH, "doctor", "--image"],
        text=True,
        capture_output=True,
        env={**os.environ, "WORDBRUSH_SOURCE": str(source), **environment},
    )


def faults(said: str) -> list[str]:
    """What is wrong, except for the user who runs the tests."""
    return [
        line
        for line in said.splitlines()
        if line.startswith("wrong") and "the user is root" not in line
    ]


def test_a_good_image_is_found_good(source):
    done = doctor(source)
    assert faults(done.stdout) == [] and done.stderr == ""
    assert done.returncode == (os.geteuid() == 0)
    for said in (
        "packages: 3 as in the lock",
        "source:",
        "/tmp can be written",
        "espeak-ng, Mitsuba, PyTorch load",
        "computes",
    ):
        assert said in done.stdout


def test_each_fault_is_one_line_and_code_1(source):
    with (source / "requirements.lock").open("a") as lock:
        lock.write("numpy==1.0\nno-such-package==2\n")
    (source / "src/wordbrush/params.py").write_text("# another\n")
    done = doctor(source, WORDBRUSH_WORK=str(source / "nowhere"))
    said = faults(done.stdout)
    assert done.returncode == 1 and len(said) == 4 and done.stderr == ""
    assert (
        "the package numpy is" in said[0] and "the lock has 1.0: build the image again" in said[0]
    )
    assert "no-such-package is missing" in said[1]
    assert "is not the code that is installed" in said[2]
    assert f"{source / 'nowhere'} cannot be written (No such file or directory)" in said[3]


def test_a_folder_that_is_no_image_is_named(tmp_path):
    (lock,) = packages(tmp_path / "requirements.lock", container.REBUILD)
    assert f"{tmp_path / 'requirements.lock'} cannot be read" in lock
    (source,) = container.code(tmp_path)
    assert f"{tmp_path} holds no dvc.yaml, .dvcignore, src" in source


def test_root_is_a_fault(monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "the user is root" in next(container.user())
    monkeypatch.setattr(os, "geteuid", lambda: 10001)
    assert list(container.user()) == [] and "10001" in capsys.readouterr().out


def test_an_idle_gpu_is_a_fault(monkeypatch, tmp_path):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(container, "GPU", tmp_path)
    assert "there is a GPU that PyTorch does not use" in next(container.device())


def test_a_library_that_does_not_load_is_named(monkeypatch):
    import espeakng_loader

    from wordbrush.captions import voices

    # this process may have an engine already
    monkeypatch.setattr(voices._Process, "engine", None)
    monkeypatch.setattr(voices._Process, "loaded", False)
    monkeypatch.setattr(espeakng_loader, "get_library_path", lambda: "/nowhere/libespeak-ng.so")
    assert next(container.libraries()).startswith(
        "espeak-ng does not load (/nowhere/libespeak-ng.so: cannot open"
    )


def test_fix_and_image_exclude_each_other():
    done = subprocess.run([WORDBRUSH, "doctor", "--image", "--fix"], text=True, capture_output=True)
    assert (
        done.returncode == 2
        and done.stderr.count("\n") == 1
        and "exclude each other" in done.stderr
    )
