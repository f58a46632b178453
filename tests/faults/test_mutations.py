"""Damaged parameters, scene records, caption manifests and pictures.

A stage succeeds, or ends with one clear sentence.
"""

import io
import json
import re
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from ruamel.yaml import YAML

from tests.faults.mutations import as_json, harmed, mutated
from tests.faults.stages import OUTPUTS, WITH_MINING, files
from tests.workspace import Workspace
from wordbrush import params as parameters
from wordbrush.errors import WordbrushError
from wordbrush.scenes import clevr
from wordbrush.storage.layout import Layout

HANGS = 120  # seconds
EXAMPLES = [3, pytest.param(50, marks=pytest.mark.faults)]
SPEAKS = pytest.mark.faults  # seconds an example
STAGES = {
    "scenes": "render_scenes",
    "gan": "train_gan",
    "segmenter": "train_segmenter",
    "samples": "sample_images",
    "captions": "synthesize_captions",
    "davenet": "pretrain_davenet",
    "schedule": "pretrain_davenet",
    "edits": "random_edits",
    "clusters": "cluster_units",
    "evaluation": "evaluate",
}


class Patient:
    """A finished run whose files are damaged, one at a time."""

    def __init__(self, root: Path, finished: Workspace):
        self.root, self.whole = root, finished.root
        shutil.copytree(finished.root / "data", root / "data")
        for name in ("metrics", "plots", "params.yaml"):
            (shutil.copytree if (finished.root / name).is_dir() else shutil.copy)(
                finished.root / name, root / name
            )
        self.outcomes: Counter[str] = Counter()

    @contextmanager
    def damaged(self, name: str, content: bytes) -> Iterator[None]:
        """Within, the file has another content."""
        (self.root / name).write_bytes(content)
        yield
        shutil.copy(self.whole / name, self.root / name)

    def run(self, stage: str) -> None:
        """The stage ends with complete outputs, or with one sentence and the outputs of before.

        No partial output is left.
        """
        before = {name: files(self.root / name) for name in OUTPUTS[stage]}
        options = {"mining": "hard"} if stage in WITH_MINING else {}
        with time_limit(HANGS):
            try:
                params = parameters.load(self.root / "params.yaml")
                import_module(f"wordbrush.stages.{stage}").run(params, Layout(self.root), **options)
                self.outcomes["succeeded"] += 1
            except WordbrushError as error:
                assert str(error) and "\n" not in str(error), error
                self.outcomes["refused"] += 1
                # an output that was finished before the failure may be new, but has all its files
                for name in OUTPUTS[stage]:
                    assert kinds(files(self.root / name)) == kinds(before[name]), name
        assert not list(self.root.rglob("*.partial"))
        for name in OUTPUTS[stage]:
            shutil.rmtree(self.root / name)
            shutil.copytree(self.whole / name, self.root / name)


def kinds(content: dict[str, bytes]) -> set[str]:
    """File names, with all shards as one."""
    return {re.sub(r"\d+", "#", name) for name in content}


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    def hangs(*_: object) -> None:
        raise AssertionError(f"it hangs: not done within {seconds} seconds")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def patient(finished, tmp_path, monkeypatch) -> Iterator[Patient]:
    monkeypatch.chdir(tmp_path)
    patient = Patient(tmp_path, finished)
    yield patient
    print(f"\n{dict(patient.outcomes)}")


def for_all(count: int, strategy: st.SearchStrategy, check) -> None:
    """`check` with this many examples, the same ones every time."""

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def each(example) -> None:
        check(example)

    each()


@pytest.mark.parametrize("count", EXAMPLES)
def test_parameters(patient, count):
    """A valid change runs the stage of the changed section; damaged bytes are only read."""
    values = YAML(typ="safe").load((patient.root / "params.yaml").read_text())
    text = (patient.root / "params.yaml").read_bytes()

    def check(example) -> None:
        tree, way = example
        with patient.damaged("params.yaml", tree if isinstance(tree, bytes) else dumped(tree)):
            patient.run(STAGES.get(way[0], "sample_images"))

    for_all(count, mutated(values) | st.tuples(harmed(text), st.just(("samples",))), check)


def dumped(tree: object) -> bytes:
    stream = io.BytesIO()
    YAML(typ="safe").dump(tree, stream)
    return stream.getvalue()


@pytest.mark.parametrize("count", EXAMPLES)
@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("data/scenes/scenes.json", "train_segmenter"),
        pytest.param("data/real_pairs/pairs.json", "synthesize_captions", marks=SPEAKS),
        pytest.param("data/real_pairs/exchanges.json", "synthesize_captions", marks=SPEAKS),
        ("data/features/features.json", "pretrain_davenet"),
        ("data/test_speech/words/words.json", "evaluate"),
        ("data/test_speech/composition/composition.json", "evaluate"),
        ("data/generator/generator.json", "sample_images"),
        ("data/encoders/pretrain/hard/encoders.json", "random_edits"),
        ("data/clusters/hard/clusters.json", "report"),
        ("data/evaluation/examples.json", "report"),
        ("data/evaluation/concepts.json", "report"),
        ("data/evaluation/composition.json", "report"),
        ("data/evaluation/composed.json", "report"),
        ("metrics/evaluation.json", "report"),
        ("metrics/concepts.json", "report"),
    ],
)
def test_records(patient, name, stage, count):
    content = (patient.root / name).read_bytes()

    def check(example) -> None:
        with patient.damaged(name, example if isinstance(example, bytes) else as_json(example[0])):
            patient.run(stage)

    for_all(max(3, count // 5), mutated(json.loads(content)) | harmed(content), check)


@pytest.mark.parametrize("count", EXAMPLES)
@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("data/features/frames.npy", "pretrain_davenet"),
        ("data/features/offsets.npy", "pretrain_davenet"),
        ("data/annotations/parses.parquet", "evaluate"),
        ("data/speech/*.parquet", "report"),
        ("data/scenes/images.npy", "train_gan"),
        ("data/scenes/instances.npy", "train_segmenter"),
        ("data/scenes/attributes.npy", "evaluate"),
        ("data/evaluation/word_maps.npy", "report"),
        pytest.param("data/samples/images.npy", "synthesize_captions", marks=SPEAKS),
        ("data/generator/generator.safetensors", "sample_images"),
        ("plots/gan.csv", "report"),
    ],
)
def test_bytes(patient, name, stage, count):
    name = next(patient.root.glob(name)).relative_to(patient.root).as_posix()
    content = (patient.root / name).read_bytes()

    def check(example: bytes) -> None:
        with patient.damaged(name, example):
            patient.run(stage)

    for_all(max(3, count // 5), harmed(content), check)


@pytest.mark.parametrize("count", EXAMPLES)
def test_pictures_and_scenes_of_clevr(patient, count):
    """A folder of CLEVR v1.0 as people have it: PNG files and one JSON file."""
    names = [f"CLEVR_train_{number:06d}.png" for number in range(12)]
    listing = patient.root / "clevr/scenes/CLEVR_train_scenes.json"
    pictures = patient.root / "clevr/images/train"
    listing.parent.mkdir(parents=True)
    pictures.mkdir(parents=True)
    for number, name in enumerate(names):
        Image.fromarray(np.random.default_rng(number).integers(0, 255, (32, 48, 3), np.uint8)).save(
            pictures / name
        )
    records = {"info": {}, "scenes": [{"image_filename": name, "objects": []} for name in names]}
    picture = (pictures / names[0]).read_bytes()

    def check(example) -> None:
        tree, image = example
        listing.write_bytes(tree if isinstance(tree, bytes) else as_json(tree[0]))
        (pictures / names[0]).write_bytes(image)
        try:
            read = list(clevr.pictures(patient.root / "clevr", 10, 16))
            assert all(one.shape == (16, 16, 3) for one in read)
            patient.outcomes["succeeded"] += 1
        except WordbrushError as error:
            assert str(error) and "\n" not in str(error)
            patient.outcomes["refused"] += 1

    whole = as_json(records)
    for_all(
        count,
        st.tuples(mutated(records) | harmed(whole), st.just(picture))
        | st.tuples(st.just(whole), harmed(picture)),
        check,
    )
