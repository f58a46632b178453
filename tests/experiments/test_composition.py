"""The experiment that measures what a kept model hears of composition."""

import json

import pytest
from experiments.composition import app, kept_in, said_by, with_pairs
from typer.testing import CliRunner

from wordbrush.captions.lines import drawing_lines
from wordbrush.errors import WordbrushError
from wordbrush.model.export import export
from wordbrush.scenes.facts import EXCHANGES


def test_a_kept_model_is_measured_without_its_run(finished, tiny, tmp_path):
    model, kept, output = tmp_path / "model", tmp_path / "kept", tmp_path / "numbers.json"
    export(tiny, finished.layout, model, {})
    few = ["--pairs", "1", "--drawings", "30", "--keep", str(kept), "--output", str(output)]
    result = CliRunner().invoke(app, [str(model), *few])
    assert result.exit_code == 0, result.output
    written = json.loads(output.read_text())
    assert set(written["exchanges"]["scenes"]) == {*EXCHANGES, "attributes", "relations"}
    told, alone = (written["recall"][name] for name in ("all that is told", "attributes alone"))
    assert told["1"] >= alone["1"] >= 0 and told["10"] >= told["1"]
    assert "| left_right | 1 |" in result.output and "among 30 drawings" in result.output
    (rendered,) = kept.glob("*/data/real_pairs/exchanges.npy")
    made = rendered.stat().st_mtime_ns
    again = CliRunner().invoke(app, [str(model), *few])
    assert again.exit_code == 0 and json.loads(output.read_text()) == written
    assert rendered.stat().st_mtime_ns == made


def test_what_is_kept_is_of_its_pairs_and_its_world(tiny, tmp_path):
    others = (
        with_pairs(tiny, 2),
        tiny.model_copy(update={"seed": tiny.seed + 1}),
        tiny.model_copy(update={"scenes": tiny.scenes.model_copy(update={"max_objects": 6})}),
    )
    folders = [kept_in(tmp_path, params) for params in (tiny, tiny, *others)]
    assert folders[0] == folders[1] and len(set(folders)) == 4


def test_named_voices_say_everything(tiny):
    others = said_by(with_pairs(tiny, 2), ["en-gb-x-rp", "pico/en-US"])
    assert others.captions.held_out_voices == ["en-gb-x-rp", "pico/en-US"]
    things = [{"shape": "cube", "size": "large", "material": "metal", "color": "red"}]
    parsed = [[{**thing, "confidence": 1.0} for thing in things]] * 40
    lines = drawing_lines(parsed, others.captions, 0.5, seed=1)
    assert {line.voice.name for line in lines} == {"en-gb-x-rp", "pico/en-US"}
    with pytest.raises(WordbrushError, match="en-xx"):
        said_by(tiny, ["en-xx"])
    with pytest.raises(WordbrushError, match="--voice de does not speak en"):
        said_by(tiny, ["de"])
