"""The command line: help is quick, errors are one sentence, no partial output stays."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from wordbrush.cli import app
from wordbrush.versioning.git import git

ROOT = Path(__file__).resolve().parents[1]
WORDBRUSH = str(Path(sys.executable).parent / "wordbrush")


def wordbrush(*arguments, cwd=ROOT):
    return subprocess.run([WORDBRUSH, *arguments], cwd=cwd, text=True, capture_output=True)


def test_help_lists_every_stage_and_does_not_load_torch():
    done = wordbrush("--help")
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    assert len(stages) == 13  # of the graph that draws; others have import-collection, too
    for stage in stages:
        assert stage in done.stdout
    script = "import sys, wordbrush.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_check_validates_params_and_presets():
    done = wordbrush("check")
    assert done.returncode == 0, done.stderr
    assert "params.yaml: good" in done.stdout and "presets/paper.yaml: good" in done.stdout


def test_a_preset_names_what_another_one_left(tmp_path):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "presets").symlink_to(ROOT / "presets")
    assert "changed before" not in wordbrush("preset", "small", cwd=tmp_path).stdout  # no git
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "params.yaml")
    who = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    git(tmp_path, *who, "commit", "--quiet", "-m", "first")
    said = [wordbrush("preset", name, cwd=tmp_path).stdout for name in ("full", "small")]
    assert said[0] == "params.yaml now holds the preset full.\n"
    assert "changed before: gan.augment_shift, scenes.extent, scenes.field_of_view, " in said[1]
    assert "scenes.max_objects, scenes.min_objects. To have" in said[1]
    git(tmp_path, "checkout", "--quiet", "params.yaml")
    assert wordbrush("preset", "small", cwd=tmp_path).stdout.count("\n") == 1


def one_sentence(done):
    assert done.returncode == 2
    assert done.stderr.startswith("wordbrush: ") and done.stderr.count("\n") == 1
    return done.stderr


def test_faults_of_the_user_are_one_sentence(tmp_path):
    assert "params.yaml is missing" in one_sentence(wordbrush("train-gan", cwd=tmp_path))
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    assert "data/scenes/images.npy is missing" in one_sentence(wordbrush("train-gan", cwd=tmp_path))
    assert "--mining 'softly' is unknown" in one_sentence(
        wordbrush("random-edits", "--mining", "softly", cwd=tmp_path)
    )
    (tmp_path / "params.yaml").write_text(
        (ROOT / "params.yaml").read_text().replace("seed: 20190616", "seed: soon")
    )
    assert "params.yaml: seed = 'soon'" in one_sentence(wordbrush("render-scenes", cwd=tmp_path))
    # nothing is written but what the check of the voices has said
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*")} <= {
        ".wordbrush/speech"
    }


def test_show_without_results_says_what_to_do(tmp_path):
    assert "make demo" in one_sentence(wordbrush("show", cwd=tmp_path))


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_every_command_of_the_pages_is_one(page):
    """Lines that start with `wordbrush`; a backslash joins a line with the next."""
    commands = get_command(app).commands
    for block in re.findall(r"(?ms)^```\n(.*?)^```", page.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():  # a backslash continues a line
            if line.startswith("wordbrush "):
                _, verb, *arguments = shlex.split(line)
                commands[verb].make_context(verb, arguments)
