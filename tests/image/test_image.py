"""The image, built on a local base and run as in a pod: `make test-image`.

It needs root, Docker and debootstrap. These make variables pass through the environment: DOCKER,
VARIANT, NETWORK, APT_CONF, PIP_CONF, CA_BUNDLE.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.kfp_server import pipeline

pytestmark = pytest.mark.image
ROOT = Path(__file__).resolve().parents[2]
DOCKER = os.environ.get("DOCKER", "docker")
VARIANT = os.environ.get("VARIANT", "cpu")
BASE, IMAGE = "wordbrush-base:bookworm", f"wordbrush-python:test-{VARIANT}"
LOCKED = (
    "--rm",
    "--network",
    "none",
    "--read-only",
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
)
LARGEST = {"cpu": 4.2e9, "gpu": 6.2e9}  # bytes; docs/images.md says what fills it


def docker(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([DOCKER, *arguments], text=True, capture_output=True)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def run(
    *arguments: str, check: bool = True, locked: tuple[str, ...] = (*LOCKED, "--tmpfs", "/tmp")
) -> str:
    """What a command in the image prints, or its docker run with more options."""
    done = docker("run", *locked, *arguments, check=check)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def image() -> str:
    """Built by `make image` on a base with a Debian root file system, kept for the next time."""
    if docker("image", "inspect", BASE, check=False).returncode:
        subprocess.run(["docker/base.sh", BASE], cwd=ROOT, check=True)
    subprocess.run(
        ["make", "image", f"IMAGE={IMAGE}", f"VARIANT={VARIANT}", f"BASE={BASE}"],
        cwd=ROOT,
        check=True,
    )
    return IMAGE


@pytest.fixture(scope="module")
def inspected(image) -> dict:
    return json.loads(docker("image", "inspect", image).stdout)[0]


def test_what_the_image_says_of_itself(inspected):
    config, labels = inspected["Config"], inspected["Config"]["Labels"]
    assert config["User"] == "10001:10001" and not config["Entrypoint"]
    assert config["Healthcheck"]["Test"] == ["CMD", "wordbrush", "doctor", "--image"]
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, text=True, capture_output=True, check=True
    ).stdout.strip()
    assert labels["org.opencontainers.image.revision"] == head
    assert labels["org.opencontainers.image.version"] == "0.1.0"
    assert labels["org.opencontainers.image.base.name"] == BASE


def test_its_size_is_watched(inspected, image):
    print(f"\n{image}: {inspected['Size'] / 1e9:.2f} GB; its largest folders, in MB:")
    folders = (
        "cd /opt/wordbrush/venv/lib/python3.11/site-packages && "
        "du -sm * nvidia/*/lib/* torch/lib/* | sort -rn | head -25"
    )
    print(run(image, "sh", "-c", folders))
    assert inspected["Size"] < LARGEST[VARIANT]


def test_no_tool_cache_or_secret_is_in_it(image):
    tools = "for tool in gcc cc g++ make pip pip3 git curl wget; do command -v $tool || true; done"
    assert run(image, "sh", "-c", tools) == ""
    assert (
        run(image, "python", "-c", "import importlib.util as u; print(u.find_spec('pip'))")
        == "None\n"
    )
    absent = "/root/.cache /var/lib/apt/lists /var/cache/apt /run/secrets /etc/pip.conf /build"
    files = run(
        "--user",
        "0",
        image,
        "sh",
        "-c",
        f"for path in {absent}; do [ ! -e $path ] || find $path ! -type d; done",
    )
    assert files == ""


def test_the_doctor_finds_it_good(image):
    said = run(image, "wordbrush", "doctor", "--image")
    assert "wrong" not in said and said.count("good    ") == 6, said


def test_any_user_number_will_do(image):
    """A laptop's user has no name in the image; PyTorch's optimisers ask for one."""
    script = "import torch; torch.optim.Adam(torch.nn.Linear(1, 1).parameters()); print('fine')"
    assert "fine" in run("--user", "12345:12345", image, "python", "-c", script)


def test_the_doctor_names_what_a_container_lacks(image):
    def faults(*options: str, locked=LOCKED) -> list[str]:
        done = docker(
            "run", *locked, *options, image, "wordbrush", "doctor", "--image", check=False
        )
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        return [line for line in done.stdout.splitlines() if line.startswith("wrong")]

    (root,) = faults("--user", "0", "--tmpfs", "/tmp")
    assert "the user is root" in root
    (folder,) = faults("--tmpfs", "/tmp", "--env", "WORDBRUSH_WORK=/work")
    assert "/work cannot be written (Read-only file system)" in folder


def test_tiny_gives_the_hashes_of_a_local_run(image, finished, tmp_path):
    """All stages by kfp's DockerRunner: read-only, without network or root.

    Every output equals that of `dvc repro` on this machine.
    """
    # the container's user must be able to enter it
    folder = Path("/var/tmp") / f"wordbrush-{tmp_path.name}"
    folder.mkdir()
    try:
        done = pipeline("run", "--preset", "tiny", "--docker", "--image", image, cwd=folder)
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
        log = (folder / ".wordbrush/kfp/run.log").read_text(encoding="utf-8")
        assert "Running stage 'train-gan'" in log
        ours, theirs = (
            YAML(typ="safe").load((root / "dvc.lock").read_text())["stages"]
            for root in (folder / ".wordbrush/kfp", finished.root)
        )
        assert ours == theirs and len(finished.hashes()) > 35
        print(
            f"\n{len(finished.hashes())} outputs of {len(ours)} stages have the hashes of the "
            "local run."
        )
    finally:
        shutil.rmtree(folder)


def test_an_image_that_is_not_here_is_one_sentence(tmp_path):
    done = pipeline(
        "run", "--preset", "tiny", "--docker", "--image", "wordbrush-python:nowhere", cwd=tmp_path
    )
    assert (
        done.returncode == 2
        and done.stderr.count("\n") == 1
        and "wordbrush-python:nowhere" in done.stderr
    )
