"""What no stage could use is refused before any stage has made anything."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from wordbrush import params as parameters
from wordbrush import presets
from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import _mel_spectrogram, filterbank, require_full_bands
from wordbrush.captions.engines.table import engine_of, voices_of
from wordbrush.errors import WordbrushError
from wordbrush.params import Params
from wordbrush.stages import render_scenes
from wordbrush.stages.preflight import check_inputs, check_processes, check_stage
from wordbrush.stages.table import BY_NAME, STAGES
from wordbrush.storage.layout import Layout
from wordbrush.storage.yaml import merge

ROOT = Path(__file__).resolve().parents[2]


def changed(params: Params, changes: dict) -> Params:
    return parameters.parse(merge(params.model_dump(), changes), "test")


@pytest.fixture
def clevr_folder(tmp_path):
    """A CLEVR folder with ten pictures."""
    pictures, scenes = tmp_path / "CLEVR_v1.0/images/train", tmp_path / "CLEVR_v1.0/scenes"
    pictures.mkdir(parents=True)
    scenes.mkdir()
    names = [f"CLEVR_train_{number:06d}.png" for number in range(10)]
    for name in names:
        Image.new("RGB", (48, 32), (200, 10, 10)).save(pictures / name)
    listed = [{"image_filename": name, "objects": []} for name in names]
    (scenes / "CLEVR_train_scenes.json").write_text(json.dumps({"scenes": listed}))
    return tmp_path / "CLEVR_v1.0"


def from_clevr(tiny: Params, folder: Path, count: int) -> Params:
    scenes = {"source": "clevr", "clevr_path": str(folder), "count": count}
    return changed(tiny, {"scenes": scenes})


DRAWN = [stage for stage in STAGES if "drawn" in stage.graphs]


@pytest.mark.parametrize("stage", DRAWN, ids=lambda stage: stage.name)
def test_good_parameters_pass_before_every_stage(tiny, stage, monkeypatch):
    monkeypatch.delenv("WORDBRUSH_PROCESSES", raising=False)
    check_stage(tiny, stage)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"captions": {"voices": ["en+zz9"]}}, ["captions.voices: ", "'en+zz9'"]),
        (
            {"captions": {"voices": ["flight/slt"]}},
            ["captions.voices: ", "engine of speech 'flight'"],
        ),
        (
            {"captions": {"voices": ["flite/slt"], "held_out_voices": ["festival/slt"]}},
            ["captions.held_out_voices: flite/slt and festival/slt are the same speaker"],
        ),
        (
            {
                "captions": {
                    "validation_voices": ["hibari/heart"],
                    "test_voices": ["kokoro/af_heart"],
                }
            },
            ["captions.test_voices: hibari/heart and kokoro/af_heart are the same speaker"],
        ),
        (
            {"captions": {"voices": ["festival/kal"], "validation_voices": ["flite/kal16"]}},
            ["captions.validation_voices: festival/kal and flite/kal16 are the same speaker"],
        ),
        (
            {"captions": {"languages": ["en", "fr"]}},
            ["captions.languages: there is no grammar of the language 'fr'"],
        ),
        (
            {"captions": {"languages": ["en", "de"], "voices": ["en", "de"]}},
            ["captions.held_out_voices: no voice speaks 'de'"],
        ),
        (
            {"captions": {"languages": ["de"], "held_out_voices": ["de+f2"]}},
            ["captions.voices: no voice speaks 'de'"],
        ),
        (
            {"captions": {"voices": ["en", "de"]}},
            ["captions.voices: de speaks 'de', and shall say captions in en"],
        ),
        (
            {
                "captions": {
                    "languages": ["hi"],
                    "voices": ["flite/slt", "hi"],
                    "held_out_voices": ["hi+f2"],
                }
            },
            ["captions.voices: flite/slt speaks 'en', and shall say captions in hi"],
        ),
        (
            {
                "captions": {
                    "languages": ["en", "de"],
                    "voices": ["en", "de"],
                    "held_out_voices": ["en+f2", "de+f2"],
                    "test_voices": ["pico/de-DE"],
                }
            },
            ["captions.test_voices: pico/de-DE speaks 'de', and shall say captions in en"],
        ),
        ({"captions": {"test_voices": ["flight/slt"]}}, ["test_voices: there is no engine of sp"]),
        ({"captions": {"held_out_voices": ["en-us+M1"]}}, ["held_out_voices: ", "'en-us+M1'"]),
        ({"captions": {"bands": 128}}, ["captions.bands: 1 of 128 bands would be empty", "to 126"]),
        ({"captions": {"window_ms": 2.0}}, ["captions.bands: ", "window of 2 ms", "set bands to"]),
        ({"captions": {"low_hz": 7999.0}}, ["captions.bands: ", "change low_hz"]),
        (
            {"scenes": {"min_objects": 10, "max_objects": 10, "extent": 0.5}},
            ["scenes: 10 objects do not fit"],
        ),
    ],
)
@pytest.mark.parametrize("stage", ["render-scenes", "report"])
def test_a_fault_of_any_stage_is_found_before_every_stage(tiny, stage, changes, words):
    with pytest.raises(WordbrushError) as caught:
        check_stage(changed(tiny, changes), BY_NAME[stage])
    message = str(caught.value)
    assert message.startswith("params.yaml: ") and "\n" not in message
    for word in words:
        assert word in message


TWINS = {"kind": "edited", "drawings": 24, "pairs_a_batch": 2}


def test_a_missing_engine_is_found_until_captions_are_spoken(tiny, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    engine_of.cache_clear()
    voices_of.cache_clear()
    with_flite = changed(tiny, {"captions": {"voices": ["en", "flite/slt"]}})
    for stage in ("render-scenes", "synthesize-captions"):
        with pytest.raises(WordbrushError, match=r"captions\.voices: flite is not installed: apt"):
            check_stage(with_flite, BY_NAME[stage])
    check_stage(with_flite, BY_NAME["pretrain-davenet"])
    check_stage(with_flite, BY_NAME["speak-edits"])  # which speaks nothing
    twinned = changed(with_flite, {"twins": TWINS})
    with pytest.raises(WordbrushError, match=r"captions\.voices: flite is not installed: apt"):
        check_stage(twinned, BY_NAME["speak-edits"])


def test_recordings_are_read_before_anything_is_rendered(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("WORDBRUSH_RECORDINGS", "")
    with_anna = changed(
        tiny, {"captions": {"test_voices": ["recordings/anna"], "recordings": str(tmp_path)}}
    )
    stage = BY_NAME["render-scenes"]
    with pytest.raises(WordbrushError, match=r"captions\.test_voices: .* holds neither"):
        check_stage(with_anna, stage)
    entry = {"text": "red", "speaker": "anna", "path": "red.wav"}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(entry))
    with pytest.raises(WordbrushError, match=r"line 1: .*red\.wav is missing"):
        check_stage(with_anna, stage)
    (tmp_path / "red.wav").touch()
    with pytest.raises(WordbrushError, match=r"anna has no recording of 20 of 21 text\(s\), such"):
        check_stage(with_anna, stage)
    check_stage(with_anna, BY_NAME["evaluate"])  # which hears features alone


@pytest.mark.parametrize(("window_ms", "low_hz"), [(25.0, 20.0), (10.0, 0.0), (60.0, 300.0)])
def test_the_highest_number_of_bands_that_works_works(demo, window_ms, low_hz):
    config = FeatureConfig.taken_from(demo.captions).model_copy(
        update={"window_ms": window_ms, "low_hz": low_hz, "bands": 1024}
    )
    with pytest.raises(WordbrushError) as caught:
        require_full_bands(config)
    most = int(str(caught.value).partition("set bands to ")[2].partition(",")[0])
    require_full_bands(config.model_copy(update={"bands": most}))
    weights = filterbank(most, window_ms, low_hz)
    transform = _mel_spectrogram(most, round(16 * window_ms), 320, low_hz)
    assert torch.equal(weights, transform.mel_scale.fb)
    with pytest.raises(WordbrushError):
        require_full_bands(config.model_copy(update={"bands": most + 1}))


def test_clevr_is_read_before_anything_is_rendered(tiny, clevr_folder, tmp_path):
    check_inputs(from_clevr(tiny, clevr_folder, 10))
    with pytest.raises(WordbrushError, match=r"scenes\.count is 11, but .* has 10 training"):
        check_inputs(from_clevr(tiny, clevr_folder, 11))
    last = clevr_folder / "images/train/CLEVR_train_000009.png"
    last.write_bytes(last.read_bytes()[:-30])
    layout = Layout(tmp_path / "run")
    with pytest.raises(WordbrushError, match=r"000009\.png is not a readable picture"):
        render_scenes.run(from_clevr(tiny, clevr_folder, 10), layout)
    assert not layout.scenes.exists()
    last.unlink()
    check_inputs(from_clevr(tiny, clevr_folder, 9))
    with pytest.raises(WordbrushError, match=r"000009\.png is missing, and 1 of the 10"):
        check_inputs(from_clevr(tiny, clevr_folder, 10))
    with pytest.raises(WordbrushError, match=r"is not a CLEVR v1\.0 folder"):
        check_inputs(from_clevr(tiny, tmp_path / "nowhere", 10))


def test_units_of_a_generator_need_its_drawings(tiny):
    rendered = changed(tiny, {"samples": {"source": "renderer"}})
    check_stage(rendered, BY_NAME["random-edits"])  # which takes the renderer's own edits
    for name in ("cluster-units", "targeted-edits"):
        with pytest.raises(WordbrushError, match=f"samples.source is renderer, and {name} edits"):
            check_stage(rendered, BY_NAME[name])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gan": {"batch_sizes": {8: 6}}}, r"gan\.batch_sizes\[8\] is 6, which 4 processes"),
        ({"segmenter": {"batch_size": 18}}, r"segmenter\.batch_size is 18, which 4"),
        ({"samples": {"train": 15}}, r"samples\.train, if that is less\) is 15, which 4"),
        ({"schedule": {"random_edits": {"edit_every": 3}}}, r"schedule\.random_edits\.edit_every"),
        ({"twins": TWINS}, r"twins\.pairs_a_batch is 2, which 4"),
    ],
)
def test_processes_that_could_not_share_a_batch_are_found_first(tiny, changes, words, monkeypatch):
    check_processes(tiny, 4)
    check_processes(changed(tiny, changes), 1)
    monkeypatch.setenv("WORDBRUSH_PROCESSES", "4")
    with pytest.raises(WordbrushError, match=words):
        check_stage(changed(tiny, changes), BY_NAME["render-scenes"])


@pytest.mark.parametrize("command", ["check", "train-gan"])
def test_the_command_line_refuses_an_unknown_voice_at_once(tmp_path, command):
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    presets.apply("tiny", tmp_path / "params.yaml", ROOT / "presets")
    presets.change(tmp_path / "params.yaml", {"captions": {"voices": ["en+zz9"]}})
    done = subprocess.run(
        [sys.executable, "-m", "wordbrush.cli", command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "params.yaml: captions.voices: there is no voice 'en+zz9'" in done.stderr
    assert not (tmp_path / "data").exists()


def test_weights_of_others_are_checked_before_pretraining(tiny, tmp_path):
    davenet = {"image_network": "vgg16", "image_weights": {"file": str(tmp_path / "nowhere")}}
    params = changed(tiny, {"davenet": davenet})
    with pytest.raises(WordbrushError, match=r"davenet.image_weights: .*nowhere is no file"):
        check_stage(params, BY_NAME["pretrain-davenet"])
    check_stage(params, BY_NAME["evaluate"])
