"""`wordbrush export` on the finished tiny run.

The model is read back as it was trained, and the cards have the measured numbers.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import DatasetCard, ModelCard

from tests.test_cli import one_sentence, wordbrush
from tests.workspace import environment
from wordbrush import params as parameters
from wordbrush.audio.sound import decode
from wordbrush.data.pairs import read_pairs
from wordbrush.data.recordings import read_shards
from wordbrush.davenet.encoders import load_encoders
from wordbrush.davenet.encoding import encode_images, encode_pairs
from wordbrush.davenet.kernels import paired_similarities
from wordbrush.errors import WordbrushError
from wordbrush.model import export as writing
from wordbrush.model import load_model
from wordbrush.model.export import export
from wordbrush.segmenter.annotations import read_annotations
from wordbrush.storage.layout import Layout
from wordbrush.training.compute import device

ORIGIN = {"package": "wordbrush 1.2.3"}


@pytest.fixture(scope="module")
def params(finished) -> parameters.Params:
    return parameters.load(finished.root / "params.yaml")


@pytest.fixture(scope="module")
def exported(finished, params, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("exported") / "model"
    export(params, finished.layout, target, ORIGIN)
    return target


def test_what_is_read_back_is_what_was_trained(finished, params, exported):
    model, layout = load_model(exported), finished.layout
    images = np.load(layout.samples / "images.npy")
    encoders = load_encoders(layout.encoders("targeted-edits", "hard"), device())
    features = encode_images(encoders, images, np.arange(4)).features
    assert torch.allclose(model.see(images[:4]).cpu(), features, atol=1e-5)
    assert model.read(images[:16]) == read_annotations(layout.annotations)[:16]
    best = np.load(layout.clusters("hard") / "ranks.npy") < params.edits.units_per_cluster
    assert np.array_equal(model.concepts.units.cpu().numpy(), best)
    members, scale = (
        np.load(layout.clusters("hard") / "members.npy"),
        np.load(layout.clusters("hard") / "scale.npy"),
    )
    cells = features.permute(0, 2, 3, 1).flatten(0, 2)
    active = (cells.numpy() / scale).clip(min=0) @ members.T
    assert np.allclose(model.concepts(cells.to(device())).cpu().numpy(), active, atol=1e-4)
    assert [len(one["gan_units"]) for one in model.meanings] == [
        int(row.sum()) for row in model.concepts.units
    ]
    assert np.array_equal(model.draw(5, seed=3), model.draw(5, seed=3)) and model.draw(
        5, seed=3
    ).shape == (5, 16, 16, 3)


def test_sound_is_heard_as_in_the_tests(finished, exported, params):
    """Silence is put around a sound as around captions, so without it the score stays the same."""
    model, layout = load_model(exported), finished.layout
    (row, *_) = read_shards(layout.speech)
    sound, silence = (
        decode(row["audio"]["bytes"], "the caption"),
        round(16 * params.captions.silence_ms),
    )
    images = np.load(layout.samples / "images.npy")
    encoded = encode_pairs(model.encoders, read_pairs(layout), np.arange(1))
    wanted = paired_similarities(*encoded, params.davenet.similarity)
    score = model.scores(images[:1], sound[silence:-silence]).cpu()
    assert torch.allclose(score, wanted, rtol=0.02, atol=0.02)  # FLAC rounds the sound to 16 bits
    assert torch.allclose(
        model.matchmap(images[0], sound[silence:-silence]).amax((0, 1)).mean().cpu(),
        score[0],
        rtol=1e-4,
    )


def test_the_model_card_has_the_measured_numbers(finished, exported):
    card = ModelCard.load(exported / "README.md")
    results = json.loads(finished.layout.metrics("evaluation").read_text())["hn_targeted_edits"]
    words = json.loads(finished.layout.metrics("concepts").read_text())["words"][
        "hn_targeted_edits"
    ]
    told = {one.metric_name: one.metric_value for one in card.data.eval_results}
    assert told["Recall@10 of 16, both directions, percent"] == results["recall"]["10"]
    assert told["Semantic test, color, percent"] == results["semantic"]["color"]
    assert told["Pointing at a word's objects, percent"] == words["pointing"]["value"]
    assert card.data.license == "apache-2.0" and card.data.library_name == "wordbrush"
    low, high = (results["intervals"]["recall_10"][end] for end in ("low", "high"))
    assert (
        f"| recall@10 | {results['recall']['10']:.1f} | {low:.1f}–{high:.1f} | 99.9 |" in card.text
    )
    assert (
        "en-us+f2" in card.text
        and "GPL-3.0" in card.text
        and str(finished.root) not in card.content
    )


def test_the_card_says_what_trained_heads_later(finished, params, tmp_path):
    for folder in ("data", "metrics"):
        shutil.copytree(finished.root / folder, tmp_path / folder, symlinks=True)
    shutil.copyfile(finished.root / "params.yaml", tmp_path / "params.yaml")
    layout = Layout(tmp_path)
    config = layout.encoders("targeted-edits", "hard") / "encoders.json"
    about = json.loads(config.read_text())
    about["origin"]["heads of context"] = "4 steps"
    config.write_text(json.dumps(about))
    export(params, layout, tmp_path / "model", ORIGIN)
    assert "- heads of context: 4 steps\n" in (tmp_path / "model/README.md").read_text()


def test_the_dataset_card_is_one(exported, params):
    card = DatasetCard.load(exported / "DATASET.md")
    assert card.data.size_categories == ["n<1K"] and card.data.language == ["en"]
    assert "| captioned drawings | 72 | by the GAN: 48 train, 8 validation, 16 test |" in card.text


def test_the_card_s_code_runs(exported):
    (code,) = re.findall(r"(?ms)^```python\n(.*?)^```", (exported / "README.md").read_text())
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=exported,
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    assert "'shape': " in done.stdout or "[]" in done.stdout
    assert "tensor([[" in done.stdout


def test_the_command_writes_a_folder_once(finished, tmp_path):
    target = tmp_path / "model"
    done = wordbrush("export", str(target), cwd=finished.root)
    assert (
        done.returncode == 0 and "holds the model 'Hard negatives + targeted edits'" in done.stdout
    ), done.stderr
    assert sorted(path.name for path in target.iterdir()) == [
        "DATASET.md",
        "README.md",
        "clusters",
        "encoders",
        "generator",
        "model.json",
        "params.yaml",
        "segmenter",
    ]
    assert (target / "params.yaml").read_bytes() == (finished.root / "params.yaml").read_bytes()
    assert "is there already" in one_sentence(wordbrush("export", str(target), cwd=finished.root))


def test_an_unfinished_run_is_named(tmp_path, params):
    with pytest.raises(WordbrushError, match=r"evaluation\.json is missing"):
        export(params, Layout(tmp_path), tmp_path / "model", ORIGIN)


def test_what_is_too_large_is_named_and_not_written(finished, params, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "LIMIT", 10_000)
    with pytest.raises(
        WordbrushError, match=r"the model takes 0\.\d MB, .*/\w+\.safetensors 0\.\d MB"
    ):
        export(params, finished.layout, tmp_path / "model", ORIGIN)
    assert not list(tmp_path.iterdir())


def test_a_model_of_other_parameters_is_refused(finished, params, tmp_path):
    other = params.model_copy(
        update={"davenet": params.davenet.model_copy(update={"crop_share": 0.123})}
    )
    with pytest.raises(WordbrushError, match="trained with other parameters"):
        export(other, finished.layout, tmp_path / "model", ORIGIN)


@pytest.mark.parametrize(
    ("part", "change", "sentence"),
    [
        (
            "clusters/clusters.json",
            lambda text: text.replace('"embedding": 16', '"embedding": 17'),
            "does not hold this network's",
        ),
        (
            "model.json",
            lambda text: text.replace('"bands": 40', '"bands": 41'),
            "describes other features of sound",
        ),
        ("generator/generator.json", lambda text: text[:-4], "is not readable JSON"),
    ],
)
def test_damage_is_named(exported, tmp_path, part, change, sentence):
    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    (folder / part).write_text(change((folder / part).read_text()))
    with pytest.raises(WordbrushError, match=sentence):
        load_model(folder)
