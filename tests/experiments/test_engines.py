"""The experiment that measures a model by voice and engine."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from experiments import engines, word_times

MODEL = Path(__file__).resolve().parents[2] / "models/small"


def test_a_model_is_measured_by_voice_and_engine(tmp_path):
    output = tmp_path / "engines.json"
    voices, few = ["en-us+m1", "en+f3"], ["--drawings", "160", "--pairs", "20"]
    recall, noise = ["--captions", "6", "--among", "60"], ["--snr", "80", "--snr", "-20"]
    result = CliRunner().invoke(
        engines.app, [str(MODEL), *voices, *few, *recall, *noise, "--output", str(output)]
    )
    assert result.exit_code == 0, result.output
    written = json.loads(output.read_text())
    assert list(written["voices"]) == voices
    found = written["engines"]["espeak-ng"]
    assert found["mean"]["value"] > 75
    assert abs(found["mean at 80 dB"]["value"] - found["mean"]["value"]) < 5
    assert found["mean at -20 dB"]["value"] < 65  # of which nothing is heard
    assert written["engines"]["espeak-ng"]["R@10"]["value"] > 80
    assert "| espeak-ng |" in result.output


def test_word_times_are_compared_with_the_truth():
    result = CliRunner().invoke(word_times.app, ["en+f3", "--captions", "2", "--rate", "200"])
    assert result.exit_code == 0, result.output
    voice, words, median, *_ = [cell.strip() for cell in result.output.splitlines()[-1].split("|")][
        1:
    ]
    assert voice == "en+f3" and int(words) > 10 and int(median.split()[0]) <= 10


def test_pink_noise_has_as_much_power_in_each_octave():
    noise = engines.pink_noise(1 << 14, np.random.default_rng(0))
    power = np.abs(np.fft.rfft(noise)) ** 2
    octaves = [power[1 << n : 2 << n].sum() for n in range(6, 13)]
    assert noise.std() == pytest.approx(1) and max(octaves) < 1.5 * min(octaves)
