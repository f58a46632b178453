"""The experiment of languages: which pairs are taken apart, and the table that is printed."""

from dataclasses import replace

import numpy as np
import pytest
from experiments.languages import HEADER, apart, require_languages, table_row

from wordbrush.data.manifest import Manifest
from wordbrush.errors import WordbrushError


def test_apart_no_picture_for_training_is_heard_in_two_languages():
    manifest = Manifest.one_to_one("noise", "en", train=16, test=4)
    images, languages = manifest.images // 2, np.array(["en", "de"])[manifest.images % 2]
    both = replace(manifest, images=images, languages=languages)
    found = apart(both, ["en", "de"])
    pictures = {one: set(images[found.captions("train", one)]) for one in ("en", "de")}
    assert pictures == {"en": {0, 2, 4, 6}, "de": {1, 3, 5, 7}}
    assert (found.splits[16:] == "test").all()
    assert (found.splits == "unheard").sum() == 8


def test_one_language_is_refused(tiny):
    with pytest.raises(WordbrushError, match="wordbrush preset languages"):
        require_languages(tiny)


def test_a_row_is_over_trials_and_directions():
    def scores(captions: float, words: float) -> dict:
        recall = {"1": {"value": captions - 60}, "10": {"value": captions}}
        one = {"captions": {"recall": recall, "chance": {"10": 2.0}}}
        one["words"] = {"value": words, "chance": 7.5}
        return {"speech": {"en": {"value": 50.0}}, "translations": {"en to de": one}}

    row = table_row("shared", 0.5, [scores(80.0, 90.0), scores(82.0, 92.0)])
    assert row[:3] == ["shared", "0.5", "50.0 ± 0.0"]
    assert row[3:] == ["21.0 ± 12.7", "81.0 ± 12.7", "2.0", "91.0 ± 12.7", "7.5"]
    assert len(HEADER) == len(row)
