"""All stages on `tiny`, run by dvc: contents, determinism, and what training may see."""

import json
import shutil
from pathlib import Path

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from ruamel.yaml import YAML

from wordbrush import params as parameters
from wordbrush.data.splits import captioned_count, split_ranges
from wordbrush.storage.layout import Layout
from wordbrush.training.compute import set_seed

METHODS = (
    "davenet",
    "random_edits",
    "targeted_edits",
    "hard_negatives",
    "hn_random_edits",
    "hn_targeted_edits",
)
TRAINING = ("pretrain-davenet", "random-edits", "cluster-units", "targeted-edits")
LABELLED = (
    "data/scenes",
    "data/real_pairs",
    "data/segmenter",
    "data/speech",
    "data/annotations",
    "data/test_speech",
)


def test_a_second_repro_runs_nothing(finished):
    assert "Data and pipelines are up to date." in finished.run("dvc", "repro").stdout


def test_pictures_scenes_and_masks_agree(finished, tiny):
    scenes = json.loads((finished.layout.scenes / "scenes.json").read_text())["scenes"]
    images = np.load(finished.layout.scenes / "images.npy")
    instances = np.load(finished.layout.scenes / "instances.npy")
    attributes = np.load(finished.layout.scenes / "attributes.npy")
    assert images.shape == (tiny.scenes.count, 16, 16, 3) and images.std() > 5
    assert attributes.shape == (tiny.scenes.count, 4, 16, 16)
    for scene, mask, labels in zip(scenes, instances, attributes, strict=True):
        assert set(np.unique(mask)) == set(range(len(scene["objects"]) + 1))
        assert ((labels > 0) == (mask > 0)).all()


def test_samples_are_what_the_generator_draws(finished, tiny):
    import torch

    from wordbrush.gan.sampling import draw, load_generator
    from wordbrush.training.compute import device

    latents = np.load(finished.layout.samples / "latents.npy")
    images = np.load(finished.layout.samples / "images.npy")
    assert len(latents) == len(images) == split_ranges(tiny.samples)["semantic"].stop
    generator = load_generator(finished.layout.generator, device())
    again = draw(generator, torch.from_numpy(latents[:8]), 8)
    assert np.abs(again.astype(int) - images[:8].astype(int)).max() <= 1


def test_speech_opens_as_a_dataset_and_matches_the_features(finished, tiny):
    shards = sorted(str(path) for path in finished.layout.speech.glob("*.parquet"))
    rows = datasets.Dataset.from_parquet(shards, cache_dir=str(finished.root / ".cache"))
    count = captioned_count(tiny.samples)
    assert len(rows) == count and rows["sample"] == list(range(count))
    offsets = np.load(finished.layout.features / "offsets.npy")
    assert len(offsets) == count + 1 and (np.diff(offsets) > 20).all()
    table = pq.read_table(shards[0])
    for row in table.slice(0, 5).to_pylist():
        import io

        sound, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]))
        assert rate == 16000 and sound.std() > 0.001
        assert row["words"][-1]["end"] <= len(sound) / rate + 0.1
        assert [word["word"] for word in row["words"]] and row["text"]


def test_evaluation_has_six_methods_with_every_number(finished):
    shown = json.loads(finished.run("dvc", "metrics", "show", "--json").stdout)
    data = shown[""]["data"]["metrics/evaluation.json"]["data"]
    assert tuple(data) == METHODS
    for entry in data.values():
        assert set(entry["semantic"]) == {"shape", "material", "color", "size", "mean"}
        assert set(entry["recall"]) == {"1", "5", "10"}
        numbers = [*entry["semantic"].values(), *entry["recall"].values(), entry["real_images"]]
        assert all(0 <= number <= 100 for number in numbers)
        assert entry["recall"]["1"] <= entry["recall"]["5"] <= entry["recall"]["10"]
        assert entry["median_rank"] >= 1
        for name, interval in entry["intervals"]["semantic"].items():
            assert (
                interval["low"] <= entry["semantic"][name] + 25
                and interval["low"] <= interval["high"]
            )
        assert (
            entry["intervals"]["recall_10"]["low"]
            <= entry["recall"]["10"]
            <= entry["intervals"]["recall_10"]["high"]
        )
    assert "edit_success" not in data["davenet"]  # null: it has no edits
    assert 0 <= data["random_edits"]["edit_success"] <= 100


def test_every_plot_is_readable_by_dvc(finished):
    finished.run("dvc", "plots", "show", "--out", "plots_page")
    assert "Semantic test" in (finished.root / "plots_page/index.html").read_text()


def test_the_report_stands_alone(finished):
    page = (finished.layout.report / "index.html").read_text()
    assert len(page) < 10e6 and page.count("data:image/") > 5 and "data:audio/" in page
    finished.run("wordbrush", "show")
    assert len((finished.root / "report.html").read_text()) > len(page)


def test_training_reads_no_text_and_no_labels_by_the_graph():
    stages = YAML(typ="safe").load(Path("dvc.yaml"))["stages"]
    for stage in TRAINING:
        assert not set(stages[stage]["deps"]) & set(LABELLED), stage


@pytest.mark.parametrize("mining", ["random", "hard"])
def test_training_gives_the_same_bytes_without_text_and_labels(finished, tmp_path, mining):
    """Copy only pictures, latents, features and the generator, and train all stages again."""
    import importlib

    for name in ("data/samples", "data/features", "data/generator"):
        shutil.copytree(finished.root / name, tmp_path / name)
    params = parameters.load(finished.root / "params.yaml")
    for stage in TRAINING:
        set_seed(params.seed)
        module = importlib.import_module(f"wordbrush.stages.{stage.replace('-', '_')}")
        module.run(params, Layout(tmp_path), mining=mining)
    for folder in [
        Layout().encoders(kind, mining) for kind in ("pretrain", "random-edits", "targeted-edits")
    ]:
        for path in sorted((finished.root / folder).iterdir()):
            assert (tmp_path / folder / path.name).read_bytes() == path.read_bytes(), path


def test_the_gan_sees_pictures_alone(finished, tmp_path):
    from wordbrush.stages import train_gan

    (tmp_path / "data/scenes").mkdir(parents=True)
    shutil.copy(finished.layout.scenes / "images.npy", tmp_path / "data/scenes/images.npy")
    params = parameters.load(finished.root / "params.yaml")
    set_seed(params.seed)
    train_gan.run(params, Layout(tmp_path))
    weights = "data/generator/generator.safetensors"
    assert (tmp_path / weights).read_bytes() == (finished.root / weights).read_bytes()


def test_layout_and_dvc_name_the_same_paths():
    stages = YAML(typ="safe").load(Path("dvc.yaml"))["stages"]
    outs = {
        out.replace("${item.mining}", "hard") for stage in stages.values() for out in stage["outs"]
    }
    layout = Layout()
    folders = {
        getattr(layout, name)
        for name in (
            "scenes",
            "real_pairs",
            "generator",
            "segmenter",
            "samples",
            "twins",
            "twin_speech",
            "senses",
            "features",
            "speech",
            "annotations",
            "test_speech",
            "evaluation",
            "report",
        )
    }
    folders |= {
        layout.encoders(kind, "hard") for kind in ("pretrain", "random-edits", "targeted-edits")
    }
    folders |= {layout.clusters("hard")}
    assert outs == {str(folder) for folder in folders}
