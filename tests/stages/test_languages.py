"""`captions.languages`: drawings that are described in several languages."""

import shutil

import numpy as np
import pytest
import torch

from tests.workspace import Workspace
from wordbrush import presets
from wordbrush.captions.grammar import grammar_of
from wordbrush.data.pairs import read_pairs
from wordbrush.data.recordings import SpokenWord, read_shards
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import load_encoders
from wordbrush.evaluation.languages import LanguageTests, profiles
from wordbrush.evaluation.material import read_material
from wordbrush.evaluation.results import LanguageTables, Results
from wordbrush.params import load
from wordbrush.report.grounding_pages import Finished
from wordbrush.report.page import gather, render
from wordbrush.report.stage_pages import SECTIONS
from wordbrush.stages import (
    cluster_units,
    evaluate,
    pretrain_davenet,
    random_edits,
    synthesize_captions,
    targeted_edits,
)
from wordbrush.storage.files import read_json
from wordbrush.storage.layout import Layout
from wordbrush.training.compute import device, set_seed

TRAINING = (pretrain_davenet, random_edits, cluster_units, targeted_edits)
SPOKEN = {
    "languages": ["en", "de"],
    "voices": ["en-us", "en", "de", "de+f1"],
    "held_out_voices": ["en-us+f2", "de+f3"],
}


@pytest.fixture(scope="module", params=[True, False], ids=["shared", "apart"])
def bilingual(request, finished, tmp_path_factory) -> tuple[Workspace, bool]:
    """The drawings of the finished run, described in English and German."""
    folder = tmp_path_factory.mktemp("bilingual")
    for name in ("data", "metrics", "plots", "presets"):
        shutil.copytree(finished.root / name, folder / name)
    shutil.copy(finished.root / "params.yaml", folder)
    changes = SPOKEN | {"shared": request.param}
    presets.change(folder / "params.yaml", {"captions": changes})
    workspace = Workspace(folder)
    synthesize_captions.run(load(folder / "params.yaml"), workspace.layout)
    return workspace, request.param


def test_each_language_describes_its_drawings(bilingual, finished):
    workspace, shared = bilingual
    manifest = read_pairs(workspace.layout).manifest
    train = manifest.splits == "train"
    pictures = {
        language: set(manifest.images[train & (manifest.languages == language)].tolist())
        for language in ("en", "de")
    }
    assert pictures["en"] | pictures["de"] == set(range(48))
    assert pictures["en"] & pictures["de"] == (set(range(48)) if shared else set())
    for split in ("validation", "test"):
        english, german = (manifest.captions(split, language) for language in ("en", "de"))
        assert manifest.images[english].tolist() == manifest.images[german].tolist()
    rows = read_shards(workspace.layout.speech)
    assert [row["language"] for row in rows] == manifest.languages.tolist()
    assert [row["image"] for row in rows] == manifest.images.tolist()
    for row in rows:
        meaning = grammar_of(row["language"]).vocabulary.meaning
        said = [word["word"] for word in row["words"]]
        assert said == row["text"].split()
        assert "floor" in said or "Boden" in said or any(word in meaning for word in said)
    before = {row["image"]: row["text"] for row in read_shards(finished.layout.speech)}
    english = [row for row in rows if row["language"] == "en"]
    assert all(row["text"] == before[row["image"]] for row in english)


def test_tests_are_in_the_first_language_and_words_in_each(bilingual):
    workspace, _ = bilingual
    params, folder = load(workspace.root / "params.yaml"), workspace.layout.test_speech
    english = read_json(folder / "words/words.json", list[SpokenWord])
    german = read_json(folder / "languages/de/words/words.json", list[SpokenWord])
    assert {one["voice"] for one in english} == {"en-us+f2"}
    assert {one["voice"] for one in german} == {"de+f3"}
    assert {one["value"] for one in english} == {one["value"] for one in german}
    assert {"rot", "Kugel", "Gummi"} <= {one["word"] for one in german}
    material = read_material(params, workspace.layout)
    assert set(material.pairs.manifest.languages[material.samples]) == {"en"}
    assert len(material.samples) == params.samples.test


def test_english_first_keeps_its_bytes(bilingual, finished):
    """Captions of another language are spoken behind those of the first one."""
    workspace, shared = bilingual
    if not shared:
        pytest.skip("fewer English captions")
    ours, theirs = (read_shards(one.layout.speech) for one in (workspace, finished))
    theirs = {row["sample"]: row["audio"]["bytes"] for row in theirs}
    whole = len(theirs) // 32 * 32  # a process speaks 32 lines
    assert all(row["audio"]["bytes"] == theirs[row["sample"]] for row in ours[:whole])
    assert np.array_equal([row["sample"] for row in ours], np.arange(len(ours)))


@pytest.fixture(scope="module")
def learned(bilingual) -> Workspace:
    """Encoders for either language, hard negatives alone, and what is measured of them."""
    workspace, _ = bilingual
    changes = {
        "davenet": {"languages": ["en", "de"]},
        "schedule": {"random_edits": {"edit_every": 3}, "targeted_edits": {"edit_every": 3}},
    }
    presets.change(workspace.root / "params.yaml", changes)
    params, layout = load(workspace.root / "params.yaml"), workspace.layout
    for folder in ("encoders", "clusters", "evaluation"):
        shutil.rmtree(workspace.root / "data" / folder)
    for curve in workspace.root.glob("plots/*_random.csv"):
        curve.unlink()
    for stage in TRAINING:
        set_seed(params.seed)
        stage.run(params, layout, "hard")
    evaluate.run(params, layout)
    return workspace


def test_every_training_gives_the_same_bytes_without_text_and_labels(learned, tmp_path):
    (tmp_path / "data").mkdir()
    for name in ("samples", "features", "generator"):
        (tmp_path / "data" / name).symlink_to(learned.root / "data" / name)
    params, layout = load(learned.root / "params.yaml"), Layout(tmp_path)
    for stage in TRAINING:
        set_seed(params.seed)
        stage.run(params, layout, "hard")
    for kind in ("pretrain", "random-edits", "targeted-edits"):
        for path in learned.layout.encoders(kind, "hard").iterdir():
            found = layout.encoders(kind, "hard") / path.name
            assert found.read_bytes() == path.read_bytes(), path


def test_every_training_has_both_languages(learned):
    for stage in ("pretrain", "random-edits", "targeted-edits"):
        encoders = load_encoders(learned.layout.encoders(stage, "hard"), device())
        assert encoders.config.languages == ["en", "de"] and len(encoders.audios) == 2


def test_what_languages_say_to_each_other_is_measured(learned):
    results = read_json(learned.layout.metrics("evaluation"), Results)
    for name, one in results.items():
        scores = one["languages"]
        assert list(scores["speech"]) == ["en", "de"]
        assert list(scores["translations"]) == ["en to de", "de to en"]
        for found in scores["translations"].values():
            count = found["captions"]["candidates"]
            assert 2 <= count <= 16 and found["captions"]["chance"]["10"] >= 100 * 10 / 16
            assert 0 < found["words"]["chance"] < 20
        assert ("clusters" in scores) == (name == "hn_targeted_edits")
    tables = read_json(learned.layout.evaluation / "languages.json", dict[str, LanguageTables])
    table = tables["hn_targeted_edits"]
    english, german = (grammar_of(code).vocabulary.meaning for code in ("en", "de"))
    for row in table["lexicon"]["en to de"]:
        assert row["right"] == (english[row["word"]] == german[row["translation"]])
    right = [row["right"] for row in table["lexicon"]["en to de"]]
    words = results["hn_targeted_edits"]["languages"]["translations"]["en to de"]["words"]
    assert words["value"] == pytest.approx(100 * np.mean(right), abs=0.01)
    assert all(set(row) == {"en", "de"} for row in table["clusters"])  # that mean the same


def test_the_rosetta_stone_is_played(learned):
    params = load(learned.root / "params.yaml")
    page = render("report.html.j2", gather(params, learned.layout))
    stone = page[page.index("Rosetta stone") : page.index('<section id="retrieval">')]
    assert "From English to German" in stone and "From German to English" in stone
    assert "never with the other" in stone and ", which nobody describes" in stone
    assert ">Kugel<" in stone and stone.count("data:audio/flac") >= 20
    tables = [
        one.title
        for one in SECTIONS["evaluate"](Finished("evaluate", "", learned.layout, lambda _: {}))
    ]
    assert any("from one language to the other" in title for title in tables)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"language_weight": 0.5}, "beside the other where both tell of one picture (weight 0.5)"),
        ({"languages": []}, "One audio network heard all languages"),
    ],
)
def test_the_rosetta_stone_says_what_training_heard(learned, changes, words):
    params = load(learned.root / "params.yaml")
    davenet = params.davenet.model_copy(update=changes)
    params = params.model_copy(update={"davenet": davenet})
    page = render("report.html.j2", gather(params, learned.layout))
    assert words in page and "never with the other" not in page


def test_one_language_has_no_rosetta_stone(finished):
    params = load(finished.root / "params.yaml")
    assert "Rosetta stone" not in render("report.html.j2", gather(params, finished.layout))
    assert not (finished.layout.evaluation / "languages.json").exists()


def test_captions_of_one_content_count_once(learned):
    """Of two pictures whose first captions name the same values in the same order, one is kept."""
    material = read_material(load(learned.root / "params.yaml"), learned.layout)
    tests = LanguageTests(material)
    meaning = material.vocabulary.meaning
    rows = read_shards(learned.layout.speech, ["image", "language", "split", "text"])
    told = {
        row["image"]: tuple(meaning[word] for word in row["text"].split() if word in meaning)
        for row in rows
        if row["language"] == "en" and row["split"] == "test"
    }
    assert len(tests.pictures) == len(set(told.values()))
    assert len({told[picture] for picture in tests.pictures.tolist()}) == len(tests.pictures)


def test_utterances_that_fit_the_same_pictures_correlate():
    """Three utterances in either language, of which the same numbers fit the same pictures, though
    one language scores higher and wider."""
    torch.manual_seed(0)
    cells = torch.randn(30, 6, 1, 1)
    frames = torch.randn(3, 6, 1)
    lengths = torch.ones(3, dtype=torch.long)
    one = profiles(Encoded(cells), Encoded(frames, lengths), "MISA")
    other = profiles(Encoded(cells), Encoded(5 * frames, lengths), "MISA")
    scores = one @ other.T
    assert torch.allclose(scores.diagonal(), torch.ones(3), atol=1e-5)
    assert (scores - torch.eye(3)).max() < 0.9
