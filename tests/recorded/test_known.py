"""What training saw and heard, measured: captions that it heard, others, and shuffled pairs."""

import io
from contextlib import redirect_stdout
from itertools import permutations

import numpy as np
import pytest

from tests.recorded import miniature
from wordbrush.corpora.collection import read_collection
from wordbrush.corpora.shards import ABOUT, SPEECH, SPEECH_SCHEMA, shard_name
from wordbrush.corpora.sides import says_side
from wordbrush.data.manifest import Manifest
from wordbrush.data.pairs import read_pairs, read_trained
from wordbrush.errors import WordbrushError
from wordbrush.evaluation import known
from wordbrush.evaluation.material import read_material
from wordbrush.evaluation.protocol import read_subject
from wordbrush.evaluation.retrieval import chance
from wordbrush.params import Params, parse
from wordbrush.stages import import_collection, pretrain_davenet
from wordbrush.stages.preflight import warn_of_mirrors
from wordbrush.storage.layout import Layout
from wordbrush.storage.tables import write_table
from wordbrush.storage.yaml import merge


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    return miniature.collection(tmp_path_factory.mktemp("known"), languages=("fr", "el"))


@pytest.fixture(scope="module")
def asked(tiny, collection):
    def of(**pairs) -> Params:
        changes = {"collection": str(collection), "pairs": pairs}
        return parse(merge(tiny.model_dump(), changes), "test")

    return of


@pytest.fixture(scope="module")
def imported(asked, tmp_path_factory) -> tuple[Layout, str]:
    """Without Greek, and what was said."""
    layout, said = Layout(tmp_path_factory.mktemp("run")), io.StringIO()
    with redirect_stdout(said):
        import_collection.run(asked(unheard_languages=["el", "xx"]), layout)
    return layout, said.getvalue()


def test_sets_are_measured_among_as_many_pictures_as_the_tests_have(imported, asked):
    layout, params = imported[0], asked()
    pretrain_davenet.run(params, layout, "hard")
    material = read_material(params, layout)
    subject = read_subject(material, layout.encoders("pretrain", "hard"))
    found = known.run(material, subject)[0]["known"]
    assert list(found) == ["trained", "unheard el"]
    for ways in found.values():
        assert [way["candidates"] for way in ways.values()] == [3, 3]  # of 6, one caption each
        assert ways["pictures"]["recall"]["5"]["value"] == ways["pictures"]["chance"]["5"] == 100
        assert ways["pictures"]["chance"]["1"] == pytest.approx(100 / 3, abs=0.01)


def test_training_takes_shuffled_pairs_and_tests_true_ones(imported, asked):
    layout, params = imported[0], asked(shuffle=True)
    true, taken = read_pairs(layout).manifest, read_trained(params, layout).manifest
    train = true.captions("train")
    assert (taken.images[train] != true.images[train]).any()
    for split in ("validation", "test", "unheard"):
        rows = true.captions(split)
        assert taken.images[rows].tolist() == true.images[rows].tolist()
    file = layout.encoders("pretrain", "random") / "encoders.safetensors"
    pretrain_davenet.run(asked(), layout, "random")
    paired = file.read_bytes()
    pretrain_davenet.run(params, layout, "random")
    assert file.read_bytes() != paired
    material = read_material(params, layout)
    assert material.pairs.manifest.images.tolist() == true.images.tolist()
    subject = read_subject(material, layout.encoders("pretrain", "random"))
    assert list(known.run(material, subject)[0]["known"]) == ["trained", "unheard el", "shuffled"]


def test_captions_are_sorted_by_what_training_heard_of_their_pictures():
    images = np.array([0, 0, 0, 1, 1, 2, 3])
    splits = np.array(["train", "unheard", "unheard", "train", "unheard", "unheard", "test"])
    languages = np.array(["fr", "el", "fr", "fr", "el", "el", "fr"])
    manifest = Manifest(images, splits, np.full(7, "s"), languages)
    found = {name: captions.tolist() for name, captions in known.sets(manifest)}
    assert found == {"trained": [0, 3], "unheard": [2], "unheard el": [1, 4]}  # 2: never seen


def test_training_must_keep_something_to_hear(imported, collection, asked):
    with pytest.raises(WordbrushError, match=r"0 pictures with captions for train.*unheard"):
        read_collection(collection, asked(unheard_languages=["fr", "el"]).pairs, seed=0)
    assert "no caption of" in imported[1] and "'xx'" in imported[1] and "'el'" not in imported[1]


def test_it_is_said_where_mirrored_pictures_make_captions_wrong(tiny, tmp_path, capsys):
    texts = ["A cup LEFT of a plate.", "Une main gauche", "Левый глаз", "He leftover rights", ""]
    assert [says_side(text) for text in texts] == [True, True, True, False, False]
    folder = tmp_path / "collection"
    row = {name: None for name in SPEECH_SCHEMA.names} | {"audio": {"bytes": b"", "path": ""}}
    rows = [{**row, "text": text, "split": "train"} for text in texts]
    (folder / SPEECH).mkdir(parents=True)
    write_table(folder / shard_name(SPEECH, "train", 0, 1), rows, SPEECH_SCHEMA)
    (folder / ABOUT).touch()
    for flip, said in ((False, 0), (True, 1)):
        changes = {"collection": str(folder), "davenet": {"image_flip": flip}}
        warn_of_mirrors(parse(merge(tiny.model_dump(), changes), "test"))
        out = capsys.readouterr().out
        assert out.count("3 of 5 captions for training say left or right, such as 'A cup") == said
    warn_of_mirrors(parse(merge(tiny.model_dump(), {"davenet": {"image_flip": True}}), "test"))
    assert capsys.readouterr().out == ""


def test_pairs_are_of_a_collection(tiny):
    with pytest.raises(WordbrushError, match="pairs says which pairs of a collection"):
        parse(merge(tiny.model_dump(), {"pairs": {"shuffle": True}}), "test")


def test_chance_counts_every_right_answer():
    """Against all orders of five candidates, of which one, two or all are right."""
    right = np.array([1, 2, 5])
    for k in (1, 2, 4, 5, 10):
        hits = [
            any(candidate < count for candidate in order[:k])
            for count in right
            for order in permutations(range(5))
        ]
        assert chance(right, 5, k) == pytest.approx(100 * np.mean(hits))
