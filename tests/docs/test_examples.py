"""The Python examples of the pages run as they stand."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from wordbrush.audio.sound import encode
from wordbrush.captions.lines import Line
from wordbrush.captions.recital import row
from wordbrush.captions.voices import Voice
from wordbrush.data.recordings import write_shards

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def example(page: str) -> str:
    """The only example of a page."""
    (code,) = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    return code


def test_the_model_finds_the_drawing():
    """As a reader runs it: what espeak-ng said before in a process changes its bytes."""
    check = "assert drawings.shape == (64, 64, 64, 3) and best in (13, 34), best"
    command = [sys.executable, "-c", f"{example('README.md')}\n{check}"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=300)


@pytest.fixture
def speech(tmp_path) -> np.ndarray:
    """The sound of the first of three rows in data/speech, as its stage writes them."""
    sound = np.sin(np.arange(8000) / 9).astype(np.float32) / 2
    words = [{"word": "blue", "start": 0.0, "end": 0.5}]
    line = Line("blue", Voice("en-us+m1", 170, 35))
    (tmp_path / "data/speech").mkdir(parents=True)
    rows = [row(number, "train", line, encode(sound), words) for number in range(3)]
    write_shards(tmp_path / "data/speech", rows, rows_per_shard=2)
    return sound


def test_a_row_of_speech_opens_elsewhere(speech, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    names: dict = {}
    exec(compile(example("docs/how-to.md"), "docs/how-to.md", "exec"), names)
    assert len(names["captions"]) == 3 and names["row"]["text"] == "blue"
    assert names["row"]["words"] == [{"word": "blue", "start": 0.0, "end": 0.5}]
    assert names["rate"] == 16000 and np.abs(names["sound"] - speech).max() < 1e-4
