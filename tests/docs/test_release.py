"""The workflow that tests and releases: its schema, its rights, and the commands that it runs."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pipeline
import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
from tests.docs.commands import parses, parses_in_bash

FILE = ROOT / ".github/workflows/release.yml"
WORKFLOW = YAML(typ="safe").load(FILE)
JOBS = WORKFLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]
SCRIPTS = [step["run"] for step in STEPS if "run" in step]
PINNED = re.compile(r"[\w-]+/[\w/-]+@[0-9a-f]{40}")


def check_schema(file: Path) -> subprocess.CompletedProcess:
    """The schema of GitHub's workflows, which check-jsonschema carries."""
    command = ["check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(file)]
    return subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)


def check_security(file: Path) -> subprocess.CompletedProcess:
    """Unpinned actions, broad rights, expressions that a stranger fills in."""
    zizmor = Path(sys.executable).with_name("zizmor")
    command = [zizmor, "--offline", "--no-progress", "--no-config", str(file)]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_workflow_is_good():
    for check in (check_schema, check_security):
        done = check(FILE)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("check", "before", "after"),
    [
        (check_schema, "    needs: test\n", "    need: test\n"),
        (check_schema, "    runs-on: ubuntu-24.04\n", ""),
        (check_security, "checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "checkout@v5"),
        (check_security, "permissions:\n  contents: read\n", "permissions: write-all\n"),
        (check_security, 'push "$IMAGE"', "push ${{ github.head_ref }}"),
    ],
)
def test_a_faulty_workflow_would_be_found(tmp_path, check, before, after):
    text = FILE.read_text()
    assert before in text
    (tmp_path / "release.yml").write_text(text.replace(before, after, 1))
    assert check(tmp_path / "release.yml").returncode != 0


def test_actions_are_pinned_by_commit():
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert used and all(PINNED.fullmatch(one) for one in used)


def test_only_the_release_may_ask_for_a_token_of_google():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "permissions" not in JOBS["test"]
    assert JOBS["release"]["permissions"] == {"contents": "read", "id-token": "write"}
    assert "secrets." not in FILE.read_text()  # there is no key
    assert JOBS["release"]["needs"] == "test" and "'push'" in JOBS["release"]["if"]


def test_the_tests_are_those_of_ci():
    (script,) = (step["run"] for step in JOBS["test"]["steps"] if "run" in step)
    assert ".ci/run" in script and (ROOT / ".ci/run").is_file()


@pytest.mark.parametrize("script", SCRIPTS)
def test_bash_reads_every_script(script):
    assert parses_in_bash(script) == ""


def commands(program: str) -> list[list[str]]:
    """The arguments of every line that runs a program; variables of the shell as they are."""
    lines = [line.strip() for script in SCRIPTS for line in script.splitlines()]
    return [
        shlex.split(line.removeprefix(program)) for line in lines if line.startswith(program + " ")
    ]


@pytest.mark.parametrize("arguments", commands(".venv/bin/python pipeline.py"), ids=" ".join)
def test_pipeline_commands(arguments, monkeypatch):
    monkeypatch.chdir(ROOT)
    parses(pipeline.app, arguments)


def test_the_release_goes_from_image_to_upload():
    verbs = [arguments[0] for arguments in commands(".venv/bin/python pipeline.py")]
    assert verbs == ["compile", "upload"]
    assert [arguments[0] for arguments in commands("make")] == ["setup", "image"]
    assert (ROOT / f"presets/{JOBS['release']['env']['PRESET']}.yaml").is_file()


def test_the_cluster_is_that_of_terraform():
    (credentials,) = (
        step["with"] for step in STEPS if "get-gke-credentials" in step.get("uses", "")
    )
    terraform = (ROOT / "k8s/terraform/cluster.tf").read_text()
    assert re.search(rf'name\s+= "{credentials["cluster_name"]}"', terraform)
    zone = (ROOT / "k8s/terraform/variables.tf").read_text()
    assert f'"{credentials["location"]}"' in zone
