"""The experiment that measures a model by voice and engine."""

import json
from pathlib import Path

from typer.testing import CliRunner

from experiments import engines, word_times

MODEL = Path(__file__).resolve().parents[2] / "models/small"


def test_a_model_is_measured_by_voice_and_engine(tmp_path):
    output = tmp_path / "engines.json"
    arguments = [str(MODEL), "en-us+m1", "en+f3", "--drawings", "160", "--pairs", "20"]
    result = CliRunner().invoke(
        engines.app, [*arguments, "--captions", "6", "--among", "60", "--output", str(output)]
    )
    assert result.exit_code == 0, result.output
    written = json.loads(output.read_text())
    assert list(written["voices"]) == ["en-us+m1", "en+f3"]
    assert written["engines"]["espeak-ng"]["mean"]["value"] > 75
    assert written["engines"]["espeak-ng"]["R@10"]["value"] > 80
    assert "| espeak-ng |" in result.output


def test_word_times_are_compared_with_the_truth():
    result = CliRunner().invoke(word_times.app, ["en+f3", "--captions", "2", "--rate", "200"])
    assert result.exit_code == 0, result.output
    voice, words, median, *_ = [cell.strip() for cell in result.output.splitlines()[-1].split("|")][
        1:
    ]
    assert voice == "en+f3" and int(words) > 10 and int(median.split()[0]) <= 10
