"""A collection of people's pictures and recordings, through the stages in one process."""

import io
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image
from ruamel.yaml import YAML

from tests.recorded import miniature
from wordbrush.concepts.store import ConceptSet
from wordbrush.corpora.collection import square
from wordbrush.corpora.shards import SPEECH, read_rows
from wordbrush.data.pairs import read_pairs
from wordbrush.data.recordings import read_shards, write_shards
from wordbrush.davenet.encoders import load_encoders
from wordbrush.davenet.encoding import encode_images
from wordbrush.errors import WordbrushError
from wordbrush.evaluation.detection import active_frames
from wordbrush.evaluation.material import read_material
from wordbrush.evaluation.methods import method_named
from wordbrush.evaluation.protocol import read_subject
from wordbrush.evaluation.results import ConceptMetrics, ConceptTables, Results
from wordbrush.evaluation.retrieval import ways_among
from wordbrush.evaluation.validation import measure_methods
from wordbrush.evaluation.words import WordTests, written_words
from wordbrush.explorer.gallery import Gallery
from wordbrush.explorer.listening import Listener, Studio
from wordbrush.explorer.server import Shown, explore
from wordbrush.model import load_model
from wordbrush.model.cards import read_facts
from wordbrush.model.export import export
from wordbrush.params import Params, parse
from wordbrush.report.records import ExampleFile
from wordbrush.report.stage_pages import stage_page
from wordbrush.serving.sites import Place
from wordbrush.stages import cluster_units, evaluate, import_collection, pretrain_davenet, report
from wordbrush.stages.preflight import check_stage
from wordbrush.stages.table import BY_NAME
from wordbrush.storage.files import read_json, write_json
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
        cluster_units.run(params, imported, mining)
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
    ways = ways_among(material, subject.encoders, material.pairs.manifest, material.samples)
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
    shown = read_json(learned.evaluation / "examples.json", ExampleFile)["samples"]
    assert page.count("<audio") == len(shown) + page.count('aria-label="Sound')
    assert page.count('aria-label="Sound') == 4 * 3  # of each concept, in the tiny preset
    of_drawings = ("learned to draw", "the paper's below", "Table 2", "six methods", "GAN loss")
    assert [words for words in of_drawings if words in page] == []
    assert "the paper's" not in stage_page("evaluate", learned)
    shown = stage_page("import-collection", learned)
    assert "captions of a picture, at most" in shown and "<audio controls" in shown


def test_evaluation_says_what_it_leaves_out(learned, collection, tiny, capsys):
    evaluate.run(of(tiny, collection), learned)
    said = capsys.readouterr().out
    assert [name for name in LEFT_OUT if f"left out: {name}, which needs " not in said] == []


def test_units_and_concepts_hear_the_words_of_texts(learned):
    """Texts without times: a unit hears a word wherever it is on in a caption that has it."""
    tables = read_json(learned.evaluation / "concepts.json", ConceptTables)
    said = {"red", "green", "blue", "number", "i", "see", "this", "is"}
    assert {one["hypotheses"][0]["label"] for one in tables["detectors"]} <= said
    metrics = read_json(learned.metrics("concepts"), ConceptMetrics)
    assert set(metrics["words"]) == {"davenet", "hard_negatives"} and not metrics["clusters"]
    for mining in ("random", "hard"):
        concepts = ConceptSet.load(learned.clusters(mining), 11, 22)
        assert concepts.ranks.shape == (4, 0) and len(tables["clusters"][mining]) == 4
        for one in tables["clusters"][mining]:
            assert one["seen"] is None and one["word"] == one["heard"]
            assert one["word"]["label"] in said
    page = (learned.report / "index.html").read_text(encoding="utf-8")
    assert (
        "No word of the test captions is timed" in page and "sees" not in page.split("</style>")[1]
    )
    told = re.sub(r'"data:[^"]*"', "", page)  # sounds and pictures may spell anything
    assert "Concepts it discovered" in told and "IoU" not in told
    assert "<audio controls" in stage_page("cluster-units@hard", learned)


def test_detectors_of_texts_are_counted_by_captions(learned, collection, tiny, monkeypatch):
    """Against a loop over captions."""
    monkeypatch.setattr("wordbrush.evaluation.words.SAID", 3)
    material = read_material(of(tiny, collection), learned)
    subject = read_subject(
        material, learned.encoders("pretrain", "hard"), method_named("hard_negatives")
    )
    tests = WordTests(material, "hard_negatives")
    tests.measure(subject)
    heard = subject.features[1]
    frames = heard.features.transpose(1, 2)
    on = active_frames(frames, heard.valid, tiny.evaluation.active_share)
    texts = [row["text"] for row in read_shards(learned.speech)][-6:]
    found = {one["label"] for row in tests.tables["detectors"] for one in row["hypotheses"]}
    assert found <= {"i", "see", "this", "is", "number"} and len(found) > 1
    for row in tests.tables["detectors"][:5]:
        best, unit = row["hypotheses"][0], row["unit"]
        having = torch.tensor([best["label"] in text.casefold().split() for text in texts])
        inside = int(on[having][:, :, unit].sum())
        assert best["occurrences"] == int(having.sum())
        precision = 100 * inside / max(1, int(on[:, :, unit].sum()))
        recall = 100 * float(on[having][:, :, unit].any(1).float().mean())
        assert best["precision"] == pytest.approx(precision, abs=0.01)
        assert best["recall"] == pytest.approx(recall, abs=0.01)


def test_captions_without_word_times_are_left_out_where_others_have_them(
    learned, collection, tiny, tmp_path, monkeypatch
):
    """The same word is said in all test captions and timed in two: no unit errs in the others."""
    monkeypatch.setattr("wordbrush.evaluation.words.SAID", 1)
    rows = read_shards(learned.speech)
    test = range(len(rows) - 6, len(rows))
    for number in (test[1], test[4]):
        rows[number]["words"] = [{"word": "timed", "start": 0.0, "end": 60.0}]
    partly = Layout(tmp_path)
    partly.speech.mkdir(parents=True)
    write_shards(partly.speech, rows, 100)
    shutil.copytree(learned.clusters("hard"), partly.clusters("hard"))
    material = replace(read_material(of(tiny, collection), learned), layout=partly)
    subject = read_subject(
        material, learned.encoders("pretrain", "hard"), method_named("hard_negatives")
    )
    tests = WordTests(material, "hard_negatives")
    tests.measure(subject)
    assert tests.metrics["known"] == {"captions": 2, "of": 6, "timed": True}
    best = [row["hypotheses"][0] for row in tests.tables["detectors"]]
    assert {one["label"] for one in best} == {"timed"}
    assert {one["precision"] for one in best if one["f1"]} == {100.0}


def test_words_of_any_script_are_found_once_and_in_small_letters():
    found = [one["word"] for one in written_words("Der Hund, l’eau - l’eau; Собака 犬 3 x2")]
    assert found == ["der", "hund", "l’eau", "x", "собака", "犬"]
    assert written_words(" 12 ...") == []


def test_a_model_of_a_collection_is_exported_and_explored(learned, collection, tiny, tmp_path):
    params, target = of(tiny, collection), tmp_path / "model"
    export(params, learned, target, {"package": "wordbrush 1.2.3"})
    model = load_model(target)
    assert model.generator is None and model.segmenter is None and model.side == 16
    images = np.load(learned.samples / "images.npy")
    wanted = load_encoders(learned.encoders("pretrain", "hard"), device())
    features = encode_images(wanted, images, np.arange(4)).features
    assert torch.allclose(model.see(images[:4]).cpu(), features, atol=1e-5)
    for act, words in (
        (lambda: model.draw(1, seed=1), "does not draw"),
        (lambda: model.read(images[:1]), "does not read pictures"),
        (lambda: explore(target, Place("127.0.0.1", 0), Shown(24)), r"name pictures .* --gallery"),
    ):
        with pytest.raises(WordbrushError, match=words):
            act()
    assert not (target / "DATASET.md").exists()
    card = ModelCard.load(target / "README.md")
    assert len(card.data.eval_results) == 6 and "11 pictures and 22 recordings" in card.text
    studio = Studio.of(model, None, 27, Gallery(images, model.encode(images).to("cpu")))
    listener = Listener(studio)
    listener.view = [0, 1]
    rng = np.random.default_rng(0)
    messages = [*listener.push(rng.normal(0, 0.1, 16_000).astype(np.float32)), *listener.end()]
    kinds = [message["type"] for message in messages]
    assert "light" in kinds and kinds[-1] == "end"
    assert studio.easel is None and all(one["seen"] is None for one in studio.concepts)


def test_what_another_graph_left_is_neither_measured_nor_exported(
    learned, collection, tiny, tmp_path
):
    """A project that drew before it was given a collection, and is asked for another graph then."""
    root = tmp_path / "project"
    shutil.copytree(learned.root, root)
    layout, params = Layout(root), of(tiny, collection)
    for left in (layout.generator, layout.segmenter, layout.annotations):
        left.mkdir()
    shutil.copytree(layout.encoders("pretrain", "hard"), layout.encoders("random-edits", "hard"))
    found = measure_methods(params, layout, "hard", "validation", tmp_path / "keep")
    assert list(found) == ["hard_negatives"] and not (tmp_path / "keep").exists()
    write_json(layout.metrics("gan"), {"swd": {"mean": 1.0}})
    write_json(layout.metrics("segmenter"), {})
    for other in (tiny, params.model_copy(update={"redraw": True})):
        with pytest.raises(WordbrushError, match="results are of another graph: run"):
            read_facts(other, layout, {})


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
    with pytest.raises(WordbrushError, match="train-gan is left out of the graph recorded"):
        check_stage(of(tiny, collection), BY_NAME["train-gan"])
    with pytest.raises(WordbrushError, match="must be a plain path"):
        of(tiny, "~/recorded")
