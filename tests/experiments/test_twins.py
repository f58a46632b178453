"""Twins, their control and neither: equal trainings, and a table of gains a caption."""

import json

import pytest
from experiments.context import heads_alone, read_words, with_new_heads
from experiments.twins import KINDS, app, changed, gained, written
from typer.testing import CliRunner

from tests.devices import same_weights
from wordbrush import presets
from wordbrush.davenet.encoders import load_encoders
from wordbrush.davenet.training import Settings
from wordbrush.errors import WordbrushError
from wordbrush.params import Context
from wordbrush.training.compute import device

# An untrained GAN draws objects that no one is sure of, and an edit of them changes little.
LENIENT = {
    "twins": {"drawings": 24, "each": 2, "tries": 1, "min_certainty": 0.0, "pairs_a_batch": 2},
    "edits": {"min_change": 0.001, "outline": 2.2},
}


def test_gains_are_those_of_the_same_trial_a_thousand_captions():
    assert gained([62.0, 61.0], [60.0, 60.0], 500) == [4.0, 2.0]
    results = {
        kind: {"captions": 500 * number, "trials": [{"R@10": 60.0 + number}, {"R@10": 60.0}]}
        for number, kind in enumerate(KINDS)
    }
    head, _, captions, recall = written(results).splitlines()
    assert len({line.count("|") for line in (head, captions, recall)}) == 1
    assert captions.startswith("| captions spoken for them | 0 | 500 | 1000 |")
    assert recall.endswith("| +1.0 ± 12.7 | +1.0 ± 12.7 |")


def test_kinds_differ_in_nothing_but_their_twins(tiny):
    fitting = tiny.model_copy(update={"twins": tiny.twins.model_copy(update=LENIENT["twins"])})
    plain, edited = (changed(fitting, kind, 1).model_dump() for kind in ("plain", "edited"))
    assert {name for name in plain if plain[name] != edited[name]} == {"twins"}
    assert plain["trial"] == 1
    with pytest.raises(WordbrushError, match=r"twins\.drawings 1000 is more than samples\.train"):
        changed(tiny, "plain", 0)


def test_heads_hear_what_the_last_steps_of_a_pretraining_hear(tiny):
    """It warms up, and augmentation grows, over the first steps; heads learn in the last."""
    begins = {"ramp_steps": 9, "warmup_steps": 9}
    alone = heads_alone(tiny.schedule.pretrain.model_copy(update=begins))
    settings = Settings(tiny.davenet, alone, "hard", seed=0, against="caption")
    assert settings.phases == (0, 0, alone.context_steps)
    assert alone.ramp_steps == alone.warmup_steps == 0


def refusal(*arguments: str) -> str:
    refused = CliRunner().invoke(app, list(arguments)).exception
    assert isinstance(refused, WordbrushError)
    return str(refused)


def test_all_kinds_are_asked_before_the_first_is_trained(finished, tmp_path, monkeypatch):
    (tmp_path / "data").symlink_to(finished.root / "data")
    (tmp_path / "params.yaml").write_bytes((finished.root / "params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert "twins.drawings 1000 is more than samples.train" in refusal("--output", "twins.json")
    assert not (tmp_path / "twins.json").exists()


def test_new_heads_take_the_place_of_old_ones(finished, tiny):
    words = load_encoders(finished.layout.encoders("targeted-edits", "hard"), device())
    widths = {"audio_layer": 1, "least_frames": 2, "embedding": 8, "channels": 8, "audio_width": 3}
    for blocks in (3, 2):
        context = Context(**widths, audio_blocks=blocks, image_blocks=1)
        davenet = tiny.davenet.model_copy(update={"context": context})
        words = with_new_heads(words, tiny.model_copy(update={"davenet": davenet}), "somehow")
    assert words.config.context is not None and words.config.context.audio_blocks == 2
    assert words.config.origin["heads of context"] == "somehow"


def test_a_layer_that_the_model_lacks_is_refused(finished, tiny, tmp_path):
    (tmp_path / "encoders").symlink_to(finished.layout.encoders("targeted-edits", "hard"))
    context = Context(
        audio_layer=9, least_frames=1, embedding=8, channels=8, audio_blocks=1, audio_width=3,
        image_blocks=1,
    )  # fmt: skip
    davenet = tiny.davenet.model_copy(update={"context": context})
    with pytest.raises(WordbrushError, match=r"audio_layer is 9, and .* hears with \d layers"):
        read_words(tmp_path, tiny.model_copy(update={"davenet": davenet}))


def test_a_folder_without_pairs_is_one_sentence(tmp_path, monkeypatch, finished):
    (tmp_path / "params.yaml").write_bytes((finished.root / "params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [])
    assert isinstance(done.exception, WordbrushError) and "dvc repro" in str(done.exception)


def test_all_kinds_are_trained_and_measured(finished, tmp_path, monkeypatch):
    (tmp_path / "data").symlink_to(finished.root / "data")
    (tmp_path / "params.yaml").write_bytes((finished.root / "params.yaml").read_bytes())
    presets.change(tmp_path / "params.yaml", LENIENT)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["--trials", "2", "--output", "twins.json"])
    assert done.exception is None, done.output
    found = json.loads((tmp_path / "twins.json").read_text())
    results = found["results"]
    assert results["none, captions"] == 0 < results["plain, captions"]
    assert results["plain, captions"] == results["edited, captions"]
    assert len(results) == len(KINDS) * 3 and "R@10" in results["edited, trial 1"]
    assert "| R@10 |" in done.output and "wrong" in done.output


def test_heads_of_context_are_trained_upon_a_model_s_branches(finished, tmp_path, monkeypatch):
    (tmp_path / "data").symlink_to(finished.root / "data")
    (tmp_path / "params.yaml").write_bytes((finished.root / "params.yaml").read_bytes())
    presets.change(tmp_path / "params.yaml", LENIENT)
    monkeypatch.chdir(tmp_path)
    words = finished.layout.encoders("targeted-edits", "hard")
    export = tmp_path / "model"
    (export / "encoders").parent.mkdir()
    (export / "encoders").symlink_to(words)
    assert "davenet.context is null" in refusal("--words", "model")
    widths = {"audio_layer": 1, "least_frames": 2, "embedding": 8, "channels": 8, "audio_width": 3}
    context = {**widths, "audio_blocks": 2, "image_blocks": 1}
    steps = {"pretrain": {"context_steps": 4}}
    presets.change(tmp_path / "params.yaml", {"davenet": {"context": context}, "schedule": steps})
    assert "nowhere is no exported model" in refusal("--words", "nowhere")
    options = ["--trials", "2", "--words", "model", "--output", "twins.json", "--save"]
    done = CliRunner().invoke(app, [*options, "saved"])
    assert done.exception is None, done.output
    results = json.loads((tmp_path / "twins.json").read_text())["results"]
    assert len(results) == len(KINDS) * 3 and all(
        "upon" in one for one in results if "trial" in one
    )
    encoders = load_encoders(tmp_path / "saved", device())
    captions = json.loads((tmp_path / "twins.json").read_text())["results"]["edited, captions"]
    made = encoders.config.origin["heads of context"]
    assert made.startswith("4 steps at a learning rate of ")
    assert f"with {captions} captions of edited drawings" in made
    saved = encoders.state_dict()
    branches = load_encoders(words, device()).state_dict()
    assert saved.keys() > branches.keys()
    assert same_weights({name: saved[name] for name in branches}, branches)
    assert "saved is there already" in refusal(*options, "saved")
    assert "again was not written" in refusal(*options, "again")
