"""`captions.languages`: drawings that are described in several languages."""

import shutil

import numpy as np
import pytest

from tests.workspace import Workspace
from wordbrush import presets
from wordbrush.captions.grammar import grammar_of
from wordbrush.data.pairs import read_pairs
from wordbrush.data.recordings import SpokenWord, read_shards
from wordbrush.evaluation.material import read_material
from wordbrush.params import load
from wordbrush.stages import synthesize_captions
from wordbrush.storage.files import read_json

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
