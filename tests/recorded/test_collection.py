"""A collection of people's pictures and recordings, through the stages in one process."""

import io

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from tests.recorded import miniature
from wordbrush.corpora.collection import square
from wordbrush.corpora.shards import SPEECH, read_rows
from wordbrush.data.pairs import read_pairs
from wordbrush.data.recordings import read_shards
from wordbrush.data.views import MIDDLE
from wordbrush.davenet.encoders import load_encoders
from wordbrush.errors import WordbrushError
from wordbrush.evaluation.results import Results
from wordbrush.evaluation.retrieval import both_ways_apart
from wordbrush.model.export import export
from wordbrush.params import Params, parse
from wordbrush.report.records import ExampleFile
from wordbrush.report.stage_pages import stage_page
from wordbrush.stages import evaluate, import_collection, pretrain_davenet, report
from wordbrush.stages.preflight import check_stage
from wordbrush.stages.table import BY_NAME
from wordbrush.storage.files import read_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.yaml import merge
from wordbrush.training.compute import device

LEFT_OUT = ("semantic test", "edit success", "real images")


def of(tiny: Params, folder) -> Params:
    return parse(merge(tiny.model_dump(), {"collection": str(folder)}), "test")


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    return miniature.collection(tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="module")
def imported(collection, tiny, tmp_path_factory) -> Layout:
    layout = Layout(tmp_path_factory.mktemp("imported"))
    import_collection.run(of(tiny, collection), layout)
    return layout


@pytest.fixture(scope="module")
def learned(imported, collection, tiny) -> Layout:
    """With encoders, results and report."""
    params = of(tiny, collection)
    for mining in ("random", "hard"):
        pretrain_davenet.run(params, imported, mining)
    evaluate.run(params, imported)
    report.run(params, imported)
    with (imported.root / "params.yaml").open("w") as file:
        YAML(typ="safe").dump(params.model_dump(), file)
    return imported


def test_a_collection_becomes_pairs_with_its_splits_speakers_and_languages(imported, collection):
    pairs, rows = read_pairs(imported), list(read_rows(collection, SPEECH))
    assert pairs.images.shape == (11, 16, 16, 3) and len(pairs.speech) == 22
    manifest = pairs.manifest
    assert manifest.images.tolist() == [row["image"] for row in rows]
    assert manifest.splits.tolist() == 12 * ["train"] + 4 * ["validation"] + 6 * ["test"]
    assert set(manifest.speakers.tolist()) == set(miniature.VOICES)
    assert set(manifest.languages.tolist()) == {"en"}
    assert len(pairs.uncaptioned) == 0
    spoken = read_shards(imported.speech)
    assert [row["text"] for row in spoken] == [row["text"] for row in rows]
    assert [row["image"] for row in spoken] == manifest.images.tolist()


def test_a_picture_is_its_centre_scaled():
    wide = np.zeros((8, 24, 3), np.uint8)
    wide[:, 8:12, 0], wide[:, 12:16, 1] = 255, 255
    content = io.BytesIO()
    Image.fromarray(wide).save(content, "PNG")
    small = square(content.getvalue(), 4)
    assert small[:, :2].tolist() == 4 * [2 * [[255, 0, 0]]]
    assert small[:, 2:].tolist() == 4 * [2 * [[0, 255, 0]]]


def test_the_bytes_do_not_depend_on_the_number_of_cores(
    imported, collection, tiny, tmp_path, monkeypatch
):
    monkeypatch.setattr("wordbrush.training.workers.usable_cores", lambda: 1)
    alone = Layout(tmp_path)
    import_collection.run(of(tiny, collection), alone)
    for folder in ("data/samples", "data/features", "data/speech"):
        for path in (tmp_path / folder).iterdir():
            assert path.read_bytes() == (imported.root / folder / path.name).read_bytes(), path


def test_recall_counts_every_caption_of_a_picture_as_right(learned, collection, tiny):
    """Against a loop, on the scores of trained encoders."""
    from wordbrush.evaluation.material import read_material
    from wordbrush.evaluation.protocol import read_subject

    material = read_material(of(tiny, collection), learned)
    subject = read_subject(material, learned.encoders("pretrain", "hard"))
    images = material.pairs.manifest.images[material.samples].tolist()
    rows = sorted(set(images))
    scores = [subject.scores[images.index(image)].tolist() for image in rows]
    finds_caption = []
    for image, line in zip(rows, scores, strict=True):
        best = max(score for score, one in zip(line, images, strict=True) if one == image)
        above = [s for s, one in zip(line, images, strict=True) if one != image and s >= best]
        finds_caption.append(1 + len(above))
    finds_picture = []
    for column, image in enumerate(images):
        own = scores[rows.index(image)][column]
        above = [line[column] for one, line in zip(rows, scores, strict=True) if one != image]
        finds_picture.append(1 + sum(score >= own for score in above))
    ways = both_ways_apart(material, subject)
    for found, wanted in ((ways["captions"], finds_caption), (ways["pictures"], finds_picture)):
        share = 100 * np.mean([rank <= 1 for rank in wanted])
        assert found["recall"]["1"]["value"] == pytest.approx(share, abs=0.01)
        assert found["median_rank"] == np.median(wanted)
        assert found["recall"]["1"]["low"] <= share + 0.01
    assert ways["captions"]["candidates"] == 6 and ways["pictures"]["candidates"] == 3


def test_what_the_data_has_is_measured_and_what_it_lacks_is_left_out(learned):
    results = read_json(learned.metrics("evaluation"), Results)
    assert set(results) == {"davenet", "hard_negatives"}
    for result in results.values():
        assert "ways" in result and not {"semantic", "real_images", "edit_success"} & set(result)
    page = (learned.report / "index.html").read_text(encoding="utf-8")
    assert "11 pictures and 22 recordings" in page and "rendered scenes" not in page
    assert "a caption finds its picture" in page and "a picture finds a caption" in page
    assert "among 3 held-out pictures and their 6 captions" in page
    assert page.count("<audio") == len(
        read_json(learned.evaluation / "examples.json", ExampleFile)["samples"]
    )
    of_drawings = ("learned to draw", "the paper's below", "Table 2", "six methods", "GAN loss")
    assert [words for words in of_drawings if words in page] == []
    assert "the paper's" not in stage_page("evaluate", learned)
    shown = stage_page("import-collection", learned)
    assert "captions of a picture, at most" in shown and "<audio controls" in shown


def test_evaluation_says_what_it_leaves_out(learned, collection, tiny, capsys):
    evaluate.run(of(tiny, collection), learned)
    said = capsys.readouterr().out
    assert [name for name in LEFT_OUT if f"left out: {name}, which needs " not in said] == []


def test_a_run_without_drawings_is_not_exported(learned, collection, tiny, tmp_path):
    with pytest.raises(WordbrushError, match="names a collection"):
        export(of(tiny, collection), learned, tmp_path / "model", {})
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        ({"validation": 2, "test": 3}, "0 pictures with captions for train"),
        ({"train": 1, "validation": 2, "test": 2}, "1 picture with captions for train"),
        ({"train": 3, "validation": 2}, "0 pictures with captions for test"),
        ({"train": 3, "test": 2}, "0 pictures with captions for validation"),
    ],
)
def test_a_collection_that_cannot_be_learned_from_is_refused(tiny, tmp_path, pictures, words):
    folder = miniature.collection(tmp_path, pictures=pictures, captions=1)
    with pytest.raises(WordbrushError, match=words) as refused:
        check_stage(of(tiny, folder), BY_NAME["import-collection"])
    assert "\n" not in str(refused.value)


def test_a_collection_that_is_missing_or_damaged_is_refused(tiny, collection, tmp_path):
    stage = BY_NAME["import-collection"]
    with pytest.raises(WordbrushError, match=r"holds no collection .*`wordbrush data"):
        check_stage(of(tiny, tmp_path / "nowhere"), stage)
    with pytest.raises(WordbrushError, match="collection is null"):
        check_stage(tiny, stage)
    with pytest.raises(WordbrushError, match="train-gan is of the graph that draws"):
        check_stage(of(tiny, collection), BY_NAME["train-gan"])
    with pytest.raises(WordbrushError, match="must be a plain path"):
        of(tiny, "~/recorded")


def test_pictures_are_kept_around_their_middle_where_training_crops_them(
    collection, tiny, tmp_path
):
    changes = {"davenet": {"image_side": 20, "image_flip": True, "length_pool": 2}}
    params, layout = (
        parse(merge(of(tiny, collection).model_dump(), changes), "test"),
        Layout(tmp_path),
    )
    import_collection.run(params, layout)
    pairs = read_pairs(layout)
    assert pairs.images.shape == (11, 16, 16, 3) and pairs.wide is not None
    assert (pairs.wide.sizes.min(1) == 20).all() and (pairs.wide.sizes.max(1) > 20).any()
    every = np.arange(11)
    middles = pairs.wide.crops(every, 16, np.full((11, 2), MIDDLE))
    assert np.array_equal(middles, pairs.images)
    pretrain_davenet.run(params, layout, "hard")
    assert load_encoders(layout.encoders("pretrain", "hard"), device())
