"""What evaluate reads from the segmenter, and what it writes about words and concepts."""

import json
from collections import Counter

import numpy as np

from wordbrush.data.recordings import read_shards
from wordbrush.evaluation.localisation import renumber
from wordbrush.evaluation.results import ConceptMetrics, ConceptTables
from wordbrush.storage.files import read_json


def test_doubtful_objects_become_floor():
    objects = [{"confidence": 0.9}, {"confidence": 0.2}, {"confidence": 0.5}]
    assert renumber(objects, 0.5).tolist() == [0, 1, 0, 2]
    assert renumber([], 0.5).tolist() == [0]


def test_metrics_and_tables_of_the_run(finished, tiny):
    metrics = read_json(finished.layout.metrics("concepts"), ConceptMetrics)
    tables = read_json(finished.layout.evaluation / "concepts.json", ConceptTables)
    assert len(metrics["words"]) == 6 and set(metrics["clusters"]) == {"random", "hard"}
    for scores in metrics["words"].values():
        for one in (scores["pointing"], scores["contested"], scores["overlap"], scores["naming"]):
            assert one is None or (
                0 <= one["low"] <= one["high"] <= 100 and 0 < one["chance"] <= 100
            )
    units = [row["unit"] for row in tables["detectors"]]
    assert sorted(units) == list(range(tiny.davenet.embedding))
    best = [row["hypotheses"][0]["f1"] for row in tables["detectors"]]
    assert best == sorted(best, reverse=True) and best[0] > 0
    for mining, table in tables["clusters"].items():
        folder = finished.layout.clusters(mining)
        clusters = json.loads((folder / "clusters.json").read_text())["clusters"]
        assert [one["units"] for one in table] == [len(one["units"]) for one in clusters]
        assert metrics["clusters"][mining]["seen_f1"] == round(
            float(np.mean([one["seen"]["f1"] for one in table])), 2
        )


def test_words_are_counted_as_they_were_said(finished, tiny):
    """The occurrences of the detectors' words are those in the test captions.

    Words beyond the point where the features of long captions are cut off do not count.
    """
    cut = tiny.captions.max_frames * tiny.captions.hop_ms / 1000
    words = [
        word
        for row in read_shards(finished.layout.speech)
        if row["split"] == "test"
        for word in row["words"]
    ]
    least, most = (
        Counter(word["word"] for word in words if word[end] < cut) for end in ("end", "start")
    )
    tables = read_json(finished.layout.evaluation / "concepts.json", ConceptTables)
    for row in tables["detectors"]:
        for one in row["hypotheses"]:
            assert least[one["label"]] <= one["occurrences"] <= most[one["label"]]
