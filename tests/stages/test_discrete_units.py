"""Codebooks through the stages: they are trained, measured, and shown."""

import json
from pathlib import Path

import pytest

from wordbrush import params as parameters
from wordbrush.evaluation.paper import FULL
from wordbrush.evaluation.results import Results, UnitTables
from wordbrush.model.cards import read_facts, write_cards
from wordbrush.params import Params
from wordbrush.report.grounding_pages import Finished
from wordbrush.report.page import gather, render
from wordbrush.report.stage_pages import SECTIONS
from wordbrush.stages import evaluate, pretrain_davenet
from wordbrush.storage.files import read_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.yaml import merge, read_yaml
from wordbrush.training.compute import set_seed

CHANGES = {
    "davenet": {
        "audio_network": "resdavenet",
        "audio_stages": {"channels": [8, 8], "blocks": 1, "width": 3},
        "quantisers": [
            {"layer": 2, "codes": 12, "from_step": 2},
            {"layer": 3, "codes": 8, "from_step": 4},
        ],
    }
}


@pytest.fixture(scope="module")
def quantised(finished, tmp_path_factory) -> tuple[Params, Layout]:
    """What `tiny` made, and encoders with codebooks in place of its own."""
    root: Path = tmp_path_factory.mktemp("quantised")
    for part in ("data", "metrics", "plots"):
        (root / part).mkdir()
        for one in (finished.root / part).iterdir():
            if one.name not in ("encoders", "evaluation", "evaluation.json", "concepts.json"):
                (root / part / one.name).symlink_to(one)
    params = parameters.parse(merge(read_yaml(finished.root / "params.yaml"), CHANGES), "quantised")
    layout = Layout(root)
    for curve in root.glob("plots/pretrain_*"):
        curve.unlink()
    set_seed(params.seed)
    pretrain_davenet.run(params, layout, "hard")
    evaluate.run(params, layout)
    return params, layout


def test_they_are_trained_on_pictures_and_speech_alone(quantised, finished, tmp_path):
    """Without text and labels the bytes are the same."""
    params, layout = quantised
    (tmp_path / "data").mkdir()
    for name in ("samples", "features"):
        (tmp_path / "data" / name).symlink_to(finished.root / "data" / name)
    again = Layout(tmp_path)
    set_seed(params.seed)
    pretrain_davenet.run(params, again, "hard")
    for path in layout.encoders("pretrain", "hard").iterdir():
        found = again.encoders("pretrain", "hard") / path.name
        assert found.read_bytes() == path.read_bytes(), path


def test_every_layer_is_measured(quantised):
    _, layout = quantised
    units = read_json(layout.metrics("evaluation"), Results)["hard_negatives"]["units"]
    assert list(units) == ["features", "1", "2", "3"]
    assert [one["frame_ms"] for one in units.values()] == [20.0, 20.0, 40.0, 80.0]
    for layer, one in units.items():
        assert 0 <= one["abx"]["low"] <= one["abx"]["value"] <= one["abx"]["high"] <= 100
        assert ("codebook" in one) == (layer in "23")
    low, high = units["2"]["codebook"], units["3"]["codebook"]
    assert (low["codes"], high["codes"]) == (12, 8)
    for one in (low, high):
        assert 1 <= one["perplexity"] <= one["used"] + 0.01 <= one["codes"] + 0.01
        assert one["detected"] <= one["words"]
    tables = read_json(layout.evaluation / "units.json", UnitTables)["hard_negatives"]
    assert {layer: len(rows) for layer, rows in tables.items()} == {
        layer: units[layer]["codebook"]["used"] for layer in ("2", "3")
    }


def test_they_are_shown(quantised):
    params, layout = quantised
    page = render("report.html.j2", gather(params, layout))
    assert "Discrete units" in page and "Ranked word detectors of layer 3" in page
    (table,) = [
        section.table
        for section in SECTIONS["evaluate"](Finished("evaluate", "", layout, lambda _: {}))
        if "layer by layer" in section.title
    ]
    assert [row[0] for row in table] == ["layer", "log-mels", "layer 1", "layer 2", "layer 3"]


def test_without_codebooks_nothing_is_said_of_them(finished):
    params = parameters.load(finished.root / "params.yaml")
    assert "Discrete units" not in render("report.html.j2", gather(params, finished.layout))
    assert "units" not in json.dumps(read_json(finished.layout.metrics("evaluation"), Results))
    assert not (finished.layout.evaluation / "units.json").exists()


def test_a_card_tells_of_codebooks(finished, tmp_path):
    params = parameters.load(finished.root / "params.yaml")
    facts = read_facts(params, finished.layout, {})
    codebook = {"codes": 12, "used": 9, "perplexity": 7.25, "bitrate": 71.5}
    facts.results[FULL]["units"] = {"2": {"frame_ms": 40.0, "codebook": codebook}}
    write_cards(tmp_path, facts, [])
    card = (tmp_path / "README.md").read_text()
    assert "| 2 | 9 of 12 | 7.2 | 71.5 | – | – |" in card
