"""Groups of voices, from params.yaml to the report: every engine of every group is measured.

A person's recordings are an engine that needs no package: espeak-ng's speech stands in for them.
"""

import json
import shutil

import numpy as np
import pytest
import soundfile
import torch

from tests.workspace import Workspace
from wordbrush import presets
from wordbrush.captions.engines.recordings import VARIABLE
from wordbrush.captions.grammar import VOCABULARY
from wordbrush.captions.voices import Voice, speak
from wordbrush.data.recordings import GROUP_SCHEMA, read_shards
from wordbrush.data.splits import split_ranges
from wordbrush.errors import WordbrushError
from wordbrush.evaluation.engines import EngineTests
from wordbrush.evaluation.material import read_material
from wordbrush.evaluation.methods import Method
from wordbrush.evaluation.protocol import read_subject
from wordbrush.evaluation.results import EngineTables, Results
from wordbrush.evaluation.validation import measure_methods
from wordbrush.model.export import export
from wordbrush.params import load
from wordbrush.report.stage_pages import stage_page
from wordbrush.stages import evaluate, report, synthesize_captions
from wordbrush.storage.files import read_json, write_json
from wordbrush.storage.tables import read_table, write_table
from wordbrush.versioning.runs import flatten

ROOT_FOLDERS = ("data", "metrics", "plots", "presets")
CAPTIONS = 4  # by each engine


@pytest.fixture(scope="module")
def grouped(finished, tmp_path_factory):
    """The finished run, its captions spoken and measured anew with a person for validation, and
    two for the tests."""
    folder = tmp_path_factory.mktemp("grouped")
    workspace, spoken = Workspace(folder), folder / "spoken"
    for name in ROOT_FOLDERS:
        shutil.copytree(finished.root / name, folder / name)
    shutil.copy(finished.root / "params.yaml", folder)
    params = load(folder / "params.yaml")
    texts = {row["sample"]: row["text"] for row in read_shards(finished.layout.speech)}
    ranges = split_ranges(params.samples)
    record(spoken, {
        "anna": [texts[number] for number in ranges["validation"][:CAPTIONS]],
        "bob": [texts[number] for number in ranges["test"][:CAPTIONS:2]],
        "eve": [texts[number] for number in ranges["test"][1:CAPTIONS:2]],
    })  # fmt: skip
    changes = {
        "validation_voices": ["recordings/anna"],
        "test_voices": ["recordings/bob", "recordings/eve"],
        "captions_per_engine": CAPTIONS,
        "recordings": str(spoken),
    }
    presets.change(folder / "params.yaml", {"captions": changes})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORDBRUSH_SPEECH", str(folder / "cache"))
        patch.setenv(VARIABLE, "")
        synthesize_captions.run(load(folder / "params.yaml"), workspace.layout)
        evaluate.run(load(folder / "params.yaml"), workspace.layout)
        yield workspace


def record(folder, captions: dict[str, list[str]]) -> None:
    """Each speaker says all words and these captions."""
    words = [word for value in VOCABULARY.values for word in VOCABULARY.synonyms[value]]
    entries, voices = [], ("en+m3", "en+f2", "en-us+m5")
    for (speaker, texts), voice in zip(captions.items(), voices, strict=True):
        (folder / speaker).mkdir(parents=True)
        for number, text in enumerate([*words, *texts]):
            path = folder / speaker / f"{number}.flac"
            soundfile.write(path, speak(text, Voice(voice, 175, 50)).sound, 16000)
            path = path.relative_to(folder).as_posix()
            entries.append({"text": text, "speaker": speaker, "path": path})
    lines = [json.dumps(one) for one in {(e["speaker"], e["text"]): e for e in entries}.values()]
    (folder / "manifest.jsonl").write_text("\n".join(lines))


PARTS = {
    "training": {"espeak-ng": ["en-us", "en"]},
    "held_out": {"espeak-ng": ["en-us+f2"]},
    "validation": {"recordings": ["recordings/anna"]},
    "test": {"recordings": ["recordings/bob", "recordings/eve"]},
}


def test_each_engine_says_the_words_and_the_same_captions_as_the_others(grouped, finished):
    layout, params = grouped.layout, load(grouped.root / "params.yaml")
    ranges = split_ranges(params.samples)
    texts = {row["sample"]: row["text"] for row in read_shards(layout.speech)}
    for group, engines in PARTS.items():
        for engine, voices in engines.items():
            folder = layout.test_speech / "groups" / group / engine
            (shard,) = folder.glob("captions/*.parquet")
            rows = read_table(shard, GROUP_SCHEMA)
            split = "validation" if group == "validation" else "test"
            assert [row["image"] for row in rows] == list(ranges[split])[:CAPTIONS]
            assert [row["text"] for row in rows] == [texts[row["image"]] for row in rows]
            turns = [voices[turn % len(voices)] for turn in range(CAPTIONS)]
            assert [row["voice"] for row in rows] == turns
            assert {(row["group"], row["split"]) for row in rows} == {(group, split)}
            said = json.loads((folder / "words/words.json").read_text())
            assert {one["voice"] for one in said} == set(voices)
            assert len(said) == 21 * len(voices)
    words = layout.test_speech / "words/frames.npy"
    held_out = layout.test_speech / "groups/held_out/espeak-ng/words/frames.npy"
    same = finished.layout.test_speech / "words/frames.npy"
    assert words.read_bytes() == held_out.read_bytes() == same.read_bytes()


def test_groups_change_nothing_that_training_or_the_tests_read(grouped, finished):
    for name in ("data/features", "data/speech", "data/test_speech/real_pairs"):
        for path in (finished.root / name).iterdir():
            assert path.read_bytes() == (grouped.root / name / path.name).read_bytes()
    before, after = (
        read_json(one.layout.metrics("evaluation"), Results) for one in (finished, grouped)
    )
    for name, result in after.items():
        groups = result.pop("groups")
        assert result == before[name]
        assert {group: one["voices"] for group, one in groups.items()} == {
            "training": 2, "held_out": 1, "validation": 1, "test": 2,
        }  # fmt: skip
        assert f"{name}.groups.test.recall_10.value" in flatten({name: {"groups": groups}})
        voice = groups["validation"]["semantic"]
        assert voice["low"] == voice["value"] == voice["high"]


def test_the_scores_are_those_of_the_voices(grouped):
    tables = read_json(grouped.layout.evaluation / "engines.json", EngineTables)
    results = read_json(grouped.layout.metrics("evaluation"), Results)
    assert list(tables) == list(results)
    for name, groups in tables.items():
        assert {group: list(engines) for group, engines in groups.items()} == {
            group: list(engines) for group, engines in PARTS.items()
        }
        scores = groups["test"]["recordings"]
        assert list(scores["voices"]) == PARTS["test"]["recordings"]
        for k in ("1", "5", "10"):
            found = [one["recall"][k] for one in scores["voices"].values()]
            assert scores["recall"][k]["value"] == pytest.approx(np.mean(found), abs=0.01)
        means = [one["semantic"]["mean"] for one in scores["voices"].values()]
        assert scores["semantic"]["mean"]["value"] == pytest.approx(np.mean(means), abs=0.01)
        assert results[name]["groups"]["test"]["semantic"] == scores["semantic"]["mean"]
        assert scores["captions"] == CAPTIONS
        assert scores["pointing"] is None or 0 <= scores["pointing"]["chance"] <= 100
        assert ("detectors" in scores) == (name == list(tables)[-1])


def test_recall_ranks_the_picture_of_each_caption_among_those_of_its_split(grouped):
    """Against a plain loop over captions and pictures, for both splits."""
    layout, params = grouped.layout, load(grouped.root / "params.yaml")
    material, method = read_material(params, layout), Method("pretrain", "hard")
    subject = read_subject(material, layout.encoders(method.stage, method.mining), method)
    tests = EngineTests(material)
    measured = tests.measure(subject)
    for speech in tests.speech:
        numbers = list(split_ranges(params.samples)[speech.split])
        hits: dict[str, list[bool]] = {}
        for row, caption in enumerate(speech.captions):
            features, lengths = speech.caption_speech.batch(np.array([row]))
            with torch.no_grad():
                heard = subject.encoders.encode_audio(features, lengths).features[0]
                seen = subject.encoders.encode_images(
                    torch.from_numpy(material.pairs.images[numbers]).permute(0, 3, 1, 2) / 127.5 - 1
                ).features
            maps = torch.einsum("pdhw,dt->phwt", seen, heard)
            fits = maps.amax((1, 2)).mean(1)  # MISA
            own = fits[numbers.index(caption["image"])]
            hits.setdefault(caption["voice"], []).append(int((fits >= own - 1e-6).sum()) <= 5)
        engine = measured[speech.group][speech.engine]
        for voice, one in engine["voices"].items():
            assert one["recall"]["5"] == pytest.approx(100 * np.mean(hits[voice]), abs=0.01)


def test_choices_see_the_validation_group_alone(grouped, tmp_path):
    layout, params = grouped.layout, load(grouped.root / "params.yaml")
    results = read_json(layout.metrics("evaluation"), Results)
    chosen = measure_methods(params, layout, "hard", "validation", tmp_path)
    for name, one in chosen.items():
        assert one["groups"] == {"validation": results[name]["groups"]["validation"]}
    told = measure_methods(params, layout, "hard", "tests", tmp_path)
    assert all(one["groups"] == results[name]["groups"] for name, one in told.items())


def test_pages_and_cards_show_groups_side_by_side(grouped, tmp_path):
    layout, params = grouped.layout, load(grouped.root / "params.yaml")
    report.run(params, layout)
    page = (layout.report / "index.html").read_text()
    for row in ("training: espeak-ng", "held-out voices: espeak-ng", "validation: recordings",
                "test: recordings"):  # fmt: skip
        assert f'<th scope="row">{row}</th>' in page
        assert f"<td>{row}</td>" in stage_page("evaluate", layout)
    export(params, layout, tmp_path / "model", {"package": "wordbrush 1.2.3"})
    card = (tmp_path / "model/README.md").read_text()
    (table,) = read_json(layout.evaluation / "engines.json", EngineTables)["hn_targeted_edits"][
        "validation"
    ].values()
    assert f"| validation | recordings | 1 | {table['semantic']['shape']['value']:.1f} |" in card
    assert "recordings/bob" in (tmp_path / "model/DATASET.md").read_text()


def test_a_group_of_several_engines_has_a_row_of_all_its_voices(grouped, tmp_path):
    workspace = Workspace(tmp_path / "several")
    shutil.copytree(grouped.root, workspace.root)
    layout, params = workspace.layout, load(workspace.root / "params.yaml")
    tables = read_json(layout.evaluation / "engines.json", EngineTables)
    for groups in tables.values():
        groups["test"]["another"] = groups["test"]["recordings"]
    write_json(layout.evaluation / "engines.json", tables)
    found = read_json(layout.metrics("evaluation"), Results)["hn_targeted_edits"]["groups"]["test"]
    mean = found["semantic"]
    shown = f"{mean['value']:.1f} [{mean['low']:.1f}, {mean['high']:.1f}]"
    export(params, layout, tmp_path / "model", {"package": "wordbrush 1.2.3"})
    (row,) = [
        line for line in (tmp_path / "model/README.md").read_text().splitlines()
        if line.startswith("| test | all | 2 |")
    ]  # fmt: skip
    assert f" {shown} " in row
    table = stage_page("evaluate", layout)
    assert "<td>test: all engines</td>" in table and "validation: all engines" not in table


def test_what_was_not_recorded_is_named_before_anything_is_spoken(grouped, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    workspace = Workspace(tmp_path / "more")
    shutil.copytree(grouped.root, workspace.root, ignore=shutil.ignore_patterns("test_speech"))
    path = workspace.root / "params.yaml"
    presets.change(path, {"captions": {"captions_per_engine": CAPTIONS + 2}})
    sentence = r"recordings/anna has no recording of \d of 27 text\(s\), such as '"
    with pytest.raises(WordbrushError, match=sentence):
        synthesize_captions.run(load(path), workspace.layout)
    assert not workspace.layout.test_speech.exists()


def test_a_caption_of_another_split_s_picture_is_damage(grouped, tmp_path):
    workspace = Workspace(tmp_path / "damaged")
    shutil.copytree(grouped.root, workspace.root)
    params, groups = load(grouped.root / "params.yaml"), workspace.layout.test_speech / "groups"
    shutil.rmtree(groups / "test/recordings/captions")
    shutil.copytree(groups / "validation/recordings/captions", groups / "test/recordings/captions")
    (shard,) = (groups / "test/recordings/captions").glob("*.parquet")
    rows = [{**row, "split": "test"} for row in read_table(shard, GROUP_SCHEMA)]
    write_table(shard, rows, GROUP_SCHEMA)
    with pytest.raises(WordbrushError, match=r"tells of the picture \d+, which is not one of test"):
        evaluate.run(params, workspace.layout)
