"""Damage is found in folder, cache and remote, and repaired from an intact copy."""

import json
import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo

from tests.workspace import Workspace
from wordbrush.doctor import examine

FILE = "metrics/gan.json"
# An artifact, and which of its files is damaged; "" is the artifact itself, or a folder's listing.
KINDS = {
    "arrays": ("data/samples", "images.npy"),
    "listing": ("data/samples", ""),
    "metrics": (FILE, ""),
    "plot": ("plots/gan.csv", ""),
    "speech": ("data/speech", "train-00000-of-00003.parquet"),
    "annotations": ("data/annotations", "parses.parquet"),
    "weights": ("data/generator", "generator.safetensors"),
    "records": ("data/scenes", "scenes.json"),
    "page": ("data/report", "index.html"),
    "inner": ("data/test_speech", "words/frames.npy"),
}


@pytest.fixture(scope="module")
def original(finished, tmp_path_factory) -> Workspace:
    """A finished run with a remote that has everything."""
    workspace = Workspace(tmp_path_factory.mktemp("integrity") / "work")
    shutil.copytree(finished.root, workspace.root)
    workspace.run("dvc", "remote", "add", "-d", "shared", "remote")  # relative: copies have theirs
    workspace.run("dvc", "push")
    return workspace


@pytest.fixture
def patient(original, tmp_path) -> Workspace:
    workspace = Workspace(tmp_path / "work")
    shutil.copytree(original.root, workspace.root)
    return workspace


@pytest.fixture
def doctor(patient, monkeypatch, capsys):
    """Examine the run: whether all is good, and what is printed."""

    def examined(fix: bool = False) -> tuple[bool, str]:
        monkeypatch.chdir(patient.root)
        good = examine(Path("."), fix)
        return good, capsys.readouterr().out

    return examined


def location_of(workspace: Workspace, location: str, path: str, child: str = "") -> Path:
    """The file of an artifact in the folder, or its object in cache or remote."""
    if location == "folder":
        return workspace.root / path / child
    root = workspace.root / (".dvc/cache" if location == "cache" else "remote") / "files/md5"
    md5 = workspace.hashes()[path]
    if child:
        listing = json.loads((root / md5[:2] / md5[2:]).read_text())
        md5 = next(entry["md5"] for entry in listing if entry["relpath"] == child)
    return root / md5[:2] / md5[2:]


def harm(path: Path, damage: str) -> None:
    content = path.read_bytes()
    path.chmod(0o644)
    if damage == "flip":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.unlink()


def test_a_sound_run_is_found_sound(patient):
    done = patient.run("wordbrush", "doctor")
    assert "artifacts: 43 of 43 whole" in done.stdout and "wrong" not in done.stdout


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
@pytest.mark.parametrize("location", ["folder", "cache", "remote"])
@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind == "arrays" else pytest.mark.faults) for kind in KINDS],
)
def test_damage_is_named_and_put_right(patient, doctor, kind, location, damage):
    before = patient.hashes()
    path, child = KINDS[kind]
    if kind == "listing" and location == "folder":
        child = "latents.npy"
    harm(location_of(patient, location, path, child), damage)
    good, said = doctor()
    assert not good and f"wrong   {path}, in the {location}:" in said
    good, said = doctor(fix=True)
    assert good and "43 of 43 whole" in said.splitlines()[-1], said
    assert patient.hashes() == before
    with Repo(".") as repo:
        assert repo.status() == {}


def test_what_is_whole_nowhere_is_made_again(patient, doctor, finished):
    for location in ("folder", "cache", "remote"):
        harm(location_of(patient, location, FILE), "flip")
    good, said = doctor(fix=True)
    assert not good and f"{FILE} is whole nowhere: the next `dvc repro` makes it again" in said
    patient.run("dvc", "repro")
    assert patient.hashes() == finished.hashes()
    assert (patient.root / FILE).read_bytes() == (finished.root / FILE).read_bytes()


def test_a_folder_without_dvc_is_one_sentence(tmp_path):
    done = Workspace(tmp_path).run("wordbrush", "doctor", check=False)
    assert (
        done.returncode in (1, 2)
        and "Traceback" not in done.stderr
        and "dvc" in done.stdout + done.stderr
    )
