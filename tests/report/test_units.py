"""Figures of discrete units: what layers hear."""

import base64
import re

from wordbrush.report.figures import ACCENTS
from wordbrush.report.units_section import abx_chart, word_chart


def estimate(value: float) -> dict:
    return {"value": value, "low": value - 1, "high": value + 1}


def layers(**codebooks: float) -> dict:
    """Log-mels and three layers, of which some have codes with such an F1."""
    units = {name: {"frame_ms": 20.0, "abx": estimate(10.0)} for name in ("features", *"123")}
    for name, f1 in codebooks.items():
        units[name[1:]]["codebook"] = {"abx": estimate(12.0), "word_f1": f1}
    return units


def drawn(chart: str) -> str:
    """The SVG of a data URI."""
    return base64.b64decode(chart.partition(",")[2]).decode()


def test_a_single_codebook_can_be_seen_among_layers():
    svg = drawn(abx_chart(layers(_2=40.0)))
    assert svg.count(f'style="fill: {ACCENTS[1]}') == 2  # dots: in the figure, and in its legend
    assert f'style="fill: {ACCENTS[0]}' not in svg
    assert "their codes" not in drawn(abx_chart(layers()))


def test_layers_are_whole_numbers():
    texts = re.findall(r">([^<>]*)</text>", drawn(abx_chart(layers(_2=40.0))))
    assert [one for one in texts if one in ("0", "1", "2", "3")] == ["0", "1", "2", "3"]
    assert not {"0.5", "1.0", "1.5"} & set(texts)


def test_words_are_compared_where_two_layers_have_codes():
    assert word_chart(layers()) is None and word_chart(layers(_2=40.0)) is None
    assert "word F1, %" in drawn(word_chart(layers(_2=40.0, _3=60.0)))
