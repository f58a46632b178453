"""Headers of cards, against the kept model's."""

import re
from pathlib import Path

import pytest
import yaml

from wordbrush.evaluation.composed import SHOWN
from wordbrush.model.headers import dataset_header, model_header

KEPT = Path(__file__).parents[2] / "models/small/README.md"


def test_the_model_s_header_says_what_the_kept_card_s_says():
    kept = yaml.safe_load(KEPT.read_text(encoding="utf-8").split("---\n")[1])
    metrics = kept["model-index"][0]["results"][0]["metrics"]
    values = {one["name"]: one["value"] for one in metrics}

    def named(pattern: str) -> dict[str, float]:
        return {
            found[1]: value
            for name, value in values.items()
            if (found := re.fullmatch(pattern, name))
        }

    result = {
        "recall": named(r"Recall@(\d+) of 500, both directions, percent"),
        "semantic": named(r"Semantic test, (\w+), percent"),
        "real_images": values["Real-image test, percent"],
        "composition": {
            medium: {
                name: {"value": values[title]}
                for name, shown in SHOWN.items()
                if (title := f"{shown.title.capitalize()}, {medium}, percent") in values
            }
            for medium in ("drawings", "scenes")
        },
    }
    words = {
        "word_f1": values["Attribute words by their best unit, mean F1, percent"],
        "pointing": {"value": values["Pointing at a word's objects, percent"]},
        "contested": {"value": values["Pointing, contested, percent"]},
        "naming": {"value": values["Firing while named, percent"]},
    }
    header = model_header(kept["license"], result, words, 500, ["en"])
    assert len(metrics) == 23 and yaml.safe_load(header) == kept
    assert not header.endswith("\n")


def test_what_was_not_measured_is_left_out():
    result = {"recall": {"1": 50.0}}
    words = {"word_f1": 80.0, "pointing": None, "naming": {"value": 90.0}}
    header = yaml.safe_load(model_header("mit", result, words, 16, ["en"]))
    names = [one["name"] for one in header["model-index"][0]["results"][0]["metrics"]]
    assert len(names) == 3 and not any("Pointing" in name for name in names)


@pytest.mark.parametrize(
    ("count", "size"), [(999, "n<1K"), (1_000, "1K<n<10K"), (2_000_000, "n>1M")]
)
def test_the_data_set_s_header_has_its_size(count, size):
    header = yaml.safe_load(dataset_header("apache-2.0", count, ["en"]))
    assert header["size_categories"] == [size]
    assert header["license"] == "apache-2.0" and header["language"] == ["en"]
