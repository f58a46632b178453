"""Where people work: odd folders, terminals and environments. All works, or is refused first."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_cli import ROOT, WORDBRUSH, one_sentence
from tests.workspace import environment
from wordbrush.errors import WordbrushError
from wordbrush.process import variable
from wordbrush.storage.files import write_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.validation import validated
from wordbrush.storage.yaml import read_yaml
from wordbrush.versioning.environment import (
    RemoteConfig,
    source_from_environment,
    work_from_environment,
)
from wordbrush.versioning.integrity import repository
from wordbrush.versioning.places import DVC_FILE, outputs, require_plain, require_usable
from wordbrush.versioning.workspace import scratch_workspace

# Terminals without the signs that we print: an encoding of the streams, or of the whole process.
TERMINALS = (
    {"PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
)
HELP = (
    [WORDBRUSH, "champion", "--help"],
    [sys.executable, "pipeline.py", "run", "--help"],
    [sys.executable, "-m", "experiments", "--help"],
)


def run(*command: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, cwd=cwd, capture_output=True, env=environment(**variables))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The files that commands read, as an archive has them: without .git."""
    for name in (DVC_FILE, "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / ".dvc", tmp_path / ".dvc", ignore=lambda *_: ["cache", "tmp"])
    return tmp_path


@pytest.mark.parametrize("terminal", TERMINALS, ids=("latin-1", "ascii"))
@pytest.mark.parametrize("command", HELP, ids=lambda command: Path(command[-2]).name)
def test_help_is_printed_on_any_terminal(terminal, command):
    done = run(*command, **terminal)
    assert done.returncode == 0, done.stderr
    assert b"Options" in done.stdout


SIGNS = """
import sys
from wordbrush.errors import WordbrushError, run_command
def command():
    print("32×32 – 3 ± 1 → é \\udcff")
    raise WordbrushError("a file in été…")
run_command(command, "name")
"""


def test_signs_that_an_encoding_lacks_are_written_by_others():
    done = run(sys.executable, "-c", SIGNS, PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert done.stdout == b"32x32 - 3 +- 1 -> \\xe9 \\udcff\n"
    assert done.stderr == b"name: a file in \\xe9t\\xe9...\n"


def test_show_writes_its_page_on_any_terminal(tmp_path):
    layout = Layout(tmp_path)
    davenet = {
        "recall": {"1": 1.0, "5": 2.0, "10": 3.0},
        "median_rank": 9.0,
        "intervals": {"recall_10": {"low": 2.0, "high": 4.0}},
    }
    write_json(layout.metrics("evaluation"), {"davenet": davenet})
    layout.report.mkdir(parents=True)
    (layout.report / "index.html").write_text("<p>3 ± 1", encoding="utf-8")
    done = run(WORDBRUSH, "show", cwd=tmp_path, PYTHONIOENCODING="latin-1")
    assert done.returncode == 0 and b"DaveNet" in done.stdout, done.stderr
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "<p>3 ± 1"


def test_a_folder_that_was_deleted_is_named(tmp_path):
    script = f"cd {tmp_path}; rmdir {tmp_path}; exec {WORDBRUSH} check"
    done = subprocess.run(["sh", "-c", script], text=True, capture_output=True)
    assert "the current folder was deleted" in one_sentence(done)


def test_a_project_in_a_folder_of_any_script_has_a_cache_and_a_remote(tmp_path):
    """DVC alone empties its configuration where a path is not ASCII."""
    home = tmp_path / "été 東京 #%s"
    remote = RemoteConfig(str(home / "store"), cache=home / "cache")
    with scratch_workspace(ROOT, (ROOT / "params.yaml").read_text(), remote) as repo:
        assert repo.config["remote"]["wordbrush"]["url"] == str(home / "store")
        assert repo.cache.local.path == str(home / "cache/files/md5")


@pytest.mark.parametrize("name", ["a{b}", os.fsdecode(b"a\xff")])
def test_a_place_that_dvc_cannot_use_is_refused_first(tmp_path, name):
    (tmp_path / name).mkdir()
    shutil.copy(ROOT / DVC_FILE, tmp_path / name)
    with pytest.raises(WordbrushError, match="which DVC cannot use"):
        require_usable(tmp_path / name / DVC_FILE)
    require_plain(str(tmp_path / "a b'\"#%(x)s[$]é\n"))


@pytest.mark.parametrize("link", ["data", "metrics", "plots", "data/scenes", "data/encoders"])
def test_a_linked_folder_is_refused_before_the_first_stage_works(project, tmp_path_factory, link):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (project / link).parent.mkdir(exist_ok=True)
    (project / link).symlink_to(elsewhere)
    with pytest.raises(WordbrushError, match=rf"{link} is a symbolic link.*dvc cache dir PATH"):
        require_usable(project / DVC_FILE)


def test_the_first_stage_refuses_a_linked_folder(project, tmp_path_factory):
    (project / "data").symlink_to(elsewhere := tmp_path_factory.mktemp("elsewhere"))
    done = subprocess.run([WORDBRUSH, "render-scenes"], cwd=project, text=True, capture_output=True)
    assert "data is a symbolic link" in one_sentence(done)
    assert list(elsewhere.iterdir()) == []


def test_links_of_dvc_to_its_cache_are_no_fault(project):
    """With cache.type symlink an output that is a file is a link, broken where the cache is."""
    (project / "metrics").mkdir()
    (project / "metrics/gan.json").symlink_to("/nowhere")
    (project / "data/scenes").mkdir(parents=True)
    require_usable(project / DVC_FILE)


def test_the_outputs_are_those_of_the_layout():
    found = set(outputs(read_yaml(ROOT / DVC_FILE)))
    assert str(Layout().scenes) in found and str(Layout().plots("gan")) in found
    assert {str(Layout().clusters(mining)) for mining in ("random", "hard")} <= found


def test_an_archive_without_git_is_told_what_to_do(project):
    with pytest.raises(WordbrushError, match=r"git init.*core\.no_scm true"), repository(project):
        raise AssertionError("it was opened")


def test_make_tells_dvc_that_an_archive_has_no_git(project):
    """As `make demo` does, whose first stage is replaced here."""
    shutil.copy(ROOT / "Makefile", project)
    (project / "bin").mkdir()
    (project / "bin/git").write_text("#!/bin/sh\nexit 128\n")  # no repository around the folder
    (project / "bin/git").chmod(0o755)
    (project / DVC_FILE).write_text("stages: {synthesize-captions: {cmd: touch done}}\n")
    path = f"{project / 'bin'}:{environment()['PATH']}"
    done = run("make", "stages", "MININGS=", cwd=project, PATH=path, DVC_NO_ANALYTICS="1")
    assert (project / "done").is_file(), done.stderr
    assert "no_scm = true" in (project / ".dvc/config.local").read_text()


@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_an_empty_variable_is_not_set(monkeypatch, value):
    for name in ("REMOTE_OPTIONS", "CACHE", "SOURCE", "WORK", "REMOTE"):
        monkeypatch.setenv(f"WORDBRUSH_{name}", value)
    assert variable("WORDBRUSH_REMOTE") is None
    assert RemoteConfig.from_environment("store") == RemoteConfig("store")
    assert source_from_environment() == Path(".") and work_from_environment() is None
    with pytest.raises(WordbrushError, match="WORDBRUSH_REMOTE is not set"):
        RemoteConfig.from_environment()


def test_variables_are_paths_as_people_write_them(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WORDBRUSH_REMOTE", " file:///store\n")
    monkeypatch.setenv("WORDBRUSH_CACHE", "~/cache")
    assert RemoteConfig.from_environment() == RemoteConfig("/store", cache=tmp_path / "cache")
    monkeypatch.setenv("WORDBRUSH_WORK", "~/gone")
    with pytest.raises(WordbrushError, match="WORDBRUSH_WORK is ~/gone, which is no folder"):
        work_from_environment()


@pytest.mark.parametrize("text", ["[]", "null", '{"a": [1]}', "{a: 1}", "\udcff"])
def test_options_that_are_no_names_and_values_are_refused(monkeypatch, text):
    monkeypatch.setenv("WORDBRUSH_REMOTE_OPTIONS", text)
    with pytest.raises(WordbrushError, match=r"WORDBRUSH_REMOTE_OPTIONS.*An example"):
        RemoteConfig.from_environment("store")


def test_a_value_that_repeats_itself_is_quoted_in_short():
    """YAML's anchors let a few lines stand for more than any memory holds."""
    value: list = []
    for _ in range(40):
        value = [value] * 9
    with pytest.raises(WordbrushError, match="valid integer") as caught:
        validated(int, value, "params.yaml")
    assert len(str(caught.value)) < 200
