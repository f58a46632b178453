"""`python pipeline.py run` on `tiny`: whole runs, what they leave, and how laptops share it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
from tests.kfp_server import pipeline
from tests.workspace import Workspace
from wordbrush.kubeflow.local.task_log import COLOUR

pytestmark = pytest.mark.runs

RUNNING = re.compile(r"^\s*Running stage '(.+)':", re.MULTILINE)
SCHEDULED = """
import os
from pathlib import Path
import pipeline
from kfp import components, local
from wordbrush.kubeflow.local.runner import prepare

target = Path(os.environ["TARGET"])
prepare(pipeline.ROOT, target, str(pipeline.LOCAL / "remote"), str(target / "registry"))
planned = pipeline.plan("tiny", None, pipeline.POOLS, cached=False, gate=True, compares=True)
pipeline.write(planned, target / "pipeline.yaml")
local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(target / "outputs"))
components.load_component_from_file(str(target / "pipeline.yaml"))()
"""
TASK = re.compile(r"Executing task '([\w-]+)'")


def log_of(folder: Path) -> str:
    """All that the last local run in a folder said."""
    return (folder / ".wordbrush/kfp/run.log").read_text(encoding="utf-8")


def executed(log: str) -> list[str]:
    """The tasks that kfp's cache did not answer, by kfp's names."""
    return TASK.findall(COLOUR.sub("", log))


def stages_of(lock: Path) -> dict:
    return YAML(typ="safe").load(lock.read_text(encoding="utf-8"))["stages"]


def test_every_stage_runs_and_the_lock_is_that_of_repro(from_scratch, finished):
    """Two runs from scratch, by two runners, give identical hashes for every output."""
    folder, log = from_scratch
    assert len(RUNNING.findall(log)) == 17
    ours, theirs = (
        stages_of(folder / ".wordbrush/kfp/dvc.lock"),
        stages_of(finished.root / "dvc.lock"),
    )
    assert ours == theirs and len(finished.hashes()) > 35


def test_a_second_run_executes_no_stage(from_scratch):
    folder, _ = from_scratch
    again = pipeline("run", "--preset", "tiny", cwd=folder, WORDBRUSH_CACHE=str(folder / "cache"))
    assert again.returncode == 0, again.stdout + again.stderr
    assert executed(log_of(folder)) == []
    *tasks, _, _ = again.stdout.splitlines()
    assert len(tasks) == 17 and all(line.endswith("kept from an earlier run") for line in tasks)


def test_the_gate_promotes_at_the_end(from_scratch, finished):
    """The scheduled pipeline's last task, run from the compiled YAML; all others are cached."""
    folder, _ = from_scratch
    done = pipeline(
        "run", "--preset", "tiny", "--gate", cwd=folder, WORDBRUSH_CACHE=str(folder / "cache")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert executed(log_of(folder)) == ["promote"]
    version = json.loads((folder / ".wordbrush/kfp/registry/champion.json").read_text())["version"]
    assert (folder / f".wordbrush/kfp/registry/versions/{version}/card.md").is_file()
    (page,) = (folder / ".wordbrush/kfp/outputs").glob("wordbrush-*/promote/page")
    text = page.read_text()
    assert "no champion yet" in text and version[:12] in text and "promotion.margin" in text


def test_a_scheduled_run_starts_no_stage_where_nothing_changed(from_scratch, tmp_path):
    """The pipeline of schedules, by kfp's local runner, which knows conditions: as on a cluster."""
    folder, _ = from_scratch
    done = subprocess.run(
        [sys.executable, "-c", SCHEDULED],
        cwd=folder,
        text=True,
        capture_output=True,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "WORDBRUSH_CACHE": str(folder / "cache"),
            "TARGET": str(tmp_path),
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert executed(done.stdout + done.stderr) == ["compare", "promote-2"]
    (outputs,) = tmp_path.glob("outputs/wordbrush-*")
    assert (outputs / "compare/lock").read_bytes() == (
        folder / ".wordbrush/kfp/dvc.lock"
    ).read_bytes()
    assert "no champion yet" in (outputs / "promote-2/page").read_text()


def test_pipeline_first_laptop_second(from_scratch, tmp_path):
    """A laptop that shares only the remote fetches what the pipeline made."""
    folder, _ = from_scratch
    laptop = Workspace.create(tmp_path, ROOT)
    laptop.run("dvc", "remote", "add", "-d", "shared", str(folder / ".wordbrush/kfp/remote"))
    log = laptop.run("dvc", "repro", "--pull").stdout
    assert RUNNING.findall(log) == []
    assert laptop.hashes() == {
        out["path"]: out["md5"]
        for stage in stages_of(folder / ".wordbrush/kfp/dvc.lock").values()
        for out in stage["outs"]
    }


def test_three_senses_are_trained_where_a_loss_asks_for_it(from_scratch, tmp_path):
    """Another project with another preset, which shares the remote: two stages run, no others.

    With impacts; tests/stages/test_train_senses.py has speech, too.
    """
    folder, _ = from_scratch
    project = tmp_path / "project"
    shutil.copytree(ROOT / "presets", project / "presets")
    shutil.copy(ROOT / "pipeline.py", project)
    for path in ROOT.iterdir():
        if path.name not in ("presets", "pipeline.py", ".git", ".wordbrush"):
            (project / path.name).symlink_to(path)
    preset = project / "presets/tiny.yaml"
    text = preset.read_text()
    assert text.count("senses: {loss: none,") == 1
    changed = "senses: {loss: both, sound: impacts,"
    preset.write_text(text.replace("senses: {loss: none,", changed))
    remote = shutil.copytree(folder / ".wordbrush/kfp/remote", tmp_path / "remote")
    done = subprocess.run(
        [
            *(sys.executable, str(project / "pipeline.py"), "run", "--preset", "tiny"),
            *("--remote", str(remote)),
        ],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        env={
            **os.environ,
            "PYTHONPATH": f"{project}/src{os.pathsep}{project}",
            "WORDBRUSH_CACHE": str(tmp_path / "cache"),
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert RUNNING.findall(log_of(tmp_path)) == ["train-senses", "report"]
    (outputs,) = (tmp_path / ".wordbrush/kfp/outputs").glob("wordbrush-*")
    scalars = json.loads((outputs / "train-senses/scalars").read_text())
    assert scalars["cases"] == 16 and "ours.ranks.text to sound.value" in scalars
    assert "Median rank of 16" in (outputs / "train-senses/page").read_text()
    assert "Three senses" in (outputs / "report/page").read_text()


def test_laptop_first_pipeline_second(finished, tmp_path):
    """A pipeline that shares only the remote fetches what a laptop made."""
    remote, folder = tmp_path / "remote", tmp_path / "local"
    folder.mkdir()
    laptop = Workspace(tmp_path / "laptop")
    shutil.copytree(finished.root, laptop.root)
    laptop.run("dvc", "remote", "add", "-d", "shared", str(remote))
    laptop.run("dvc", "push", "--run-cache")
    done = pipeline(
        "run",
        "--preset",
        "tiny",
        "--remote",
        str(remote),
        cwd=folder,
        WORDBRUSH_CACHE=str(folder / "cache"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert RUNNING.findall(log_of(folder)) == []
    assert stages_of(folder / ".wordbrush/kfp/dvc.lock") == stages_of(finished.root / "dvc.lock")


def test_people_see_pages_numbers_and_pointers(from_scratch):
    """Every stage's page is small and whole; pointers name bytes that are in the remote."""
    folder, _ = from_scratch
    # of the first run: the later ones executed few stages
    outputs = min((folder / ".wordbrush/kfp/outputs").glob("wordbrush-*"))
    pages = list(outputs.glob("*/page"))
    assert len(pages) == 17
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith("<!doctype html>") and len(text.encode()) <= 2_000_000
        assert "http://" not in text.replace("http://www.w3.org", "")
        # without twins and senses, two stages have nothing to show, and say so
        nothing = {"speak-edits": "twins.kind", "train-senses": "senses.loss"}
        assert nothing.get(page.parent.name, "data:image/") in text
    assert (outputs / "report/page").read_text().startswith("<!doctype html>")
    pointer = json.loads((outputs / "train-gan/generator/pointer.json").read_text())
    assert (
        pointer["path"] == "data/generator"
        and Path(pointer["uri"]).is_file()
        and pointer["size"] > 0
    )
    scalars = json.loads((outputs / "evaluate/scalars").read_text())
    assert "hn_targeted_edits.recall.10" in scalars


def test_adopting_a_local_run_brings_its_artifacts_home(from_scratch, tmp_path):
    folder, _ = from_scratch
    laptop = Workspace.create(tmp_path, ROOT)
    (laptop.root / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    done = pipeline("adopt", str(folder / ".wordbrush/kfp/dvc.lock"), cwd=laptop.root)
    assert done.returncode == 0, done.stderr
    assert (laptop.root / "dvc.lock.before").read_text() == "schema: '2.0'\nstages: {}\n"
    laptop.run("dvc", "remote", "add", "-d", "shared", str(folder / ".wordbrush/kfp/remote"))
    laptop.run("dvc", "pull")
    assert (laptop.root / "data/report/index.html").is_file()
    assert "Data and pipelines are up to date" in laptop.run("dvc", "status").stdout
