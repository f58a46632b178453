"""The Python examples of the pages run as they stand."""

import re
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


def run_example(page: str) -> dict:
    """The names that the only example of a page leaves."""
    (code,) = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    names: dict = {}
    exec(compile(code, page, "exec"), names)
    return names


def test_the_model_finds_the_drawing(monkeypatch):
    monkeypatch.chdir(ROOT)
    example = run_example("README.md")
    assert example["drawings"].shape == (64, 64, 64, 3) and example["best"] == 34


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
    example = run_example("docs/how-to.md")
    assert len(example["captions"]) == 3 and example["row"]["text"] == "blue"
    assert example["row"]["words"] == [{"word": "blue", "start": 0.0, "end": 0.5}]
    assert example["rate"] == 16000 and np.abs(example["sound"] - speech).max() < 1e-4
