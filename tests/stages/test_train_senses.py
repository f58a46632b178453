"""train-senses: what is measured and shown, of captions and of impacts; and that text reaches no
other training."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from tests.speech import ESPEAK_ALONE
from wordbrush import params as parameters
from wordbrush import presets
from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import log_mel
from wordbrush.audio.sound import SAMPLE_RATE, encode
from wordbrush.captions.lines import drawing_lines
from wordbrush.captions.recital import row
from wordbrush.data.manifest import Manifest
from wordbrush.data.recordings import write_shards
from wordbrush.data.speech import write_features
from wordbrush.errors import WordbrushError
from wordbrush.params import GRAPHS, Params
from wordbrush.report.grounding_pages import Finished
from wordbrush.report.senses_section import read_senses
from wordbrush.report.stage_pages import SECTIONS
from wordbrush.segmenter.annotations import write_annotations
from wordbrush.segmenter.network import load_segmenter
from wordbrush.segmenter.parsing import parse
from wordbrush.senses.networks import load_senses
from wordbrush.senses.results import UNITS, SensesMetrics, ShownUnit
from wordbrush.stages import sample_images, train_senses
from wordbrush.stages.table import STAGES
from wordbrush.storage.files import open_array, read_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.yaml import merge, read_yaml
from wordbrush.training.compute import device, set_seed
from wordbrush.versioning.graph import arranged

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "models/small"
SPLITS = {"train": 12, "validation": 6, "test": 6}
CHANGES = {
    "deterministic": True,  # on GPUs, too, a training gives the same bytes again
    "samples": {**SPLITS, "semantic": 2, "min_certainty": 0.9},
    "captions": ESPEAK_ALONE,
    "twins": {"kind": "none"},
    "davenet": {"context": None},
    "schedule": {"pretrain": {"context_steps": 0}},
    "senses": {
        "picture_channels": [8],
        "sound_channels": [8],
        "word_width": 8,
        "width": 16,
        "steps": 4,
        "batch_size": 4,
    },
    "evaluation": {"bootstrap": 20, "examples": 2},
}
# and the labels of which captions tell
TEXT = ("data/speech", "data/test_speech", "data/twin_speech", "data/annotations")
READS_TEXT = (
    "src/wordbrush/data/recordings.py",
    "src/wordbrush/segmenter/annotations.py",
    "src/wordbrush/senses/reading.py",
)
TRAINS = (
    *("train-gan", "train-segmenter", "train-senses", "pretrain-davenet"),
    *("random-edits", "cluster-units", "targeted-edits"),
)


def changed(**senses: object) -> Params:
    changes = merge(CHANGES, {"senses": senses})
    return parameters.parse(merge(read_yaml(KEPT / "params.yaml"), changes), "changed")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Layout:
    """Drawings of the kept GAN, what the segmenter reads in them, and what is said of it: words, in
    a sound of noise."""
    layout, params = Layout(tmp_path_factory.mktemp("drawn")), changed(loss="both")
    (layout.root / "data").mkdir()
    for part in ("generator", "segmenter"):
        (layout.root / "data" / part).symlink_to(KEPT / part)
    sample_images.run(params, layout)
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
    parsed = parse(load_segmenter(layout.segmenter, device()), images)
    write_annotations(layout.annotations, parsed)
    count, rng = sum(SPLITS.values()), np.random.default_rng(0)
    lines = drawing_lines(
        parsed[:count], params.captions, params.segmenter.min_confidence, params.seed
    )
    sounds = [rng.normal(0, 0.1, SAMPLE_RATE // 2).astype(np.float32) for _ in lines]
    config = FeatureConfig.taken_from(params.captions)
    splits = [split for split, number in SPLITS.items() for _ in range(number)]
    manifest = Manifest.one_to_one("somebody", "en", **SPLITS)
    write_features(layout.features, (log_mel(one, config) for one in sounds), config, manifest)
    rows = [
        {**row(number, split, line, encode(sound), []), "image": number}
        for number, (split, line, sound) in enumerate(zip(splits, lines, sounds, strict=True))
    ]
    layout.speech.mkdir()
    write_shards(layout.speech, rows, 10)
    return layout


def beside(drawn: Layout, root: Path, *left_out: str) -> Layout:
    """A folder with the same inputs, without those that are left out."""
    (root / "data").mkdir(parents=True)
    for part in (drawn.root / "data").iterdir():
        if part.name not in left_out:
            (root / "data" / part.name).symlink_to(part)
    return Layout(root)


def files_of(layout: Layout) -> dict[str, bytes]:
    return {
        str(path.relative_to(layout.senses)): path.read_bytes()
        for path in sorted(layout.senses.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("sound", ["speech", "impacts"])
def test_three_senses_are_trained_measured_and_shown(drawn, tmp_path, sound):
    params, layout = changed(loss="both", sound=sound), beside(drawn, tmp_path / sound)
    set_seed(params.seed)
    train_senses.run(params, layout)
    found = read_json(layout.metrics("senses"), SensesMetrics)
    assert found["cases"] == SPLITS["test"] and len(found["baselines"]) == 3
    assert len(found["ours"]["ranks"]) == 6 and len(found["ours"]["zero_shot"]) == 9
    assert ("unheard" in found) == (sound == "impacts")
    network = load_senses(layout.senses, device())
    assert network.config.sound == sound and "cube" in network.config.vocabulary
    assert len(network.config.values) == 15
    units = read_json(layout.senses / UNITS, list[ShownUnit])
    assert len(units) == 2 and all((layout.senses / one).is_file() for one in units[0]["sounds"])
    content = read_senses(layout)
    assert content is not None and content.cases == 6 and len(content.units) == 2
    assert [len(table.rows) for table in (content.ranks, content.zero_shot)] == [9, 9]
    title, cells, _ = content.ranks.rows[-1]
    reported = dict(zip(content.ranks.columns, (cell.value for cell in cells), strict=True))
    assert title == "Aytar et al., both (of 1000)" and reported["text to sound"] == "135"
    titles = [
        one.title for one in SECTIONS["train-senses"](Finished("train-senses", "", layout, {}))
    ]
    assert titles[0] == "Median rank of 6" and len(titles) == 4
    again = beside(drawn, tmp_path / "again")
    set_seed(params.seed)
    train_senses.run(params, again)
    assert files_of(again) == files_of(layout)


def test_without_a_loss_nothing_is_read_and_nothing_trained(tmp_path):
    layout = Layout(tmp_path)
    train_senses.run(changed(loss="none"), layout)
    assert read_json(layout.metrics("senses"), SensesMetrics) == {"cases": 0}
    assert list(files_of(layout)) == [UNITS]
    assert read_senses(layout) is None
    (section,) = SECTIONS["train-senses"](Finished("train-senses", "", layout, {}))
    assert "senses.loss" in section.text


def test_text_is_read_where_a_loss_asks_for_it(drawn, tmp_path):
    """Without text the stage says what is missing."""
    with pytest.raises(WordbrushError, match="no Parquet shards"):
        train_senses.run(changed(loss="transfer"), beside(drawn, tmp_path / "a", "speech"))
    with pytest.raises(WordbrushError, match=r"parses\.parquet"):
        train_senses.run(changed(loss="transfer"), beside(drawn, tmp_path / "b", "annotations"))


@pytest.mark.parametrize("graph", GRAPHS)
def test_by_the_graph_text_reaches_the_training_of_senses_alone(graph):
    """Neither text, nor the code that reads it, nor what was learned from it, reaches any other."""
    text = arranged((ROOT / "dvc.yaml").read_text(encoding="utf-8"), graph)
    stages = YAML(typ="safe").load(text)["stages"]
    assert ("train-senses" in stages) == (graph == "drawn")
    trained = [name for name in TRAINS if name in stages]
    assert {*trained} == {
        stage.name for stage in STAGES if stage.name in TRAINS and graph in stage.graphs
    }
    reading = {name for name in trained if {*TEXT, *READS_TEXT} & {*stages[name]["deps"]}}
    assert reading == ({"train-senses"} if graph == "drawn" else set())
    for name, stage in stages.items():
        assert "data/senses" not in stage["deps"] or name == "report"


def test_presets_in_which_a_training_reads_text_say_so():
    """By configuration: those that ask for senses; and these are of the graph that has them."""
    asking = {
        file.stem: params
        for file, params in presets.read_all(ROOT / "params.yaml", ROOT / "presets")
        if params.senses.used
    }
    assert set(asking) == {"senses", "sounds"}
    assert all(params.graph == "drawn" for params in asking.values())


def test_a_copy_of_the_inputs_alone_is_enough(drawn, tmp_path):
    """What it reads is what dvc.yaml names."""
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    named = [one for one in stages["train-senses"]["deps"] if one.startswith("data/")]
    for name in named:
        shutil.copytree(drawn.root / name, tmp_path / name)
    train_senses.run(changed(loss="ranking"), Layout(tmp_path))
    assert read_json(Layout(tmp_path).metrics("senses"), SensesMetrics)["cases"] == 6
