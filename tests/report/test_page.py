"""The page needs no other file, escapes its contents, and is the same each time."""

from html.parser import HTMLParser

import numpy as np
import pytest

from wordbrush import params as parameters
from wordbrush.report import figures
from wordbrush.report.page import gather, heard_words, render, words_in
from wordbrush.report.show import times_section


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.targets, self.images_without_alt, self.tags = [], 0, set()

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.tags.add(tag)
        self.targets += [named[key] for key in ("src", "href") if key in named]
        self.images_without_alt += tag == "img" and not named.get("alt")


def test_the_page_needs_nothing_from_outside_and_escapes(finished):
    params = parameters.load(finished.root / "params.yaml")
    content = gather(params, finished.layout)
    content["edits"][0]["text"] = "<script>alert(1)</script>"
    page = render("report.html.j2", content)
    links = Links()
    links.feed(page)
    assert (
        all(target.startswith(("data:", "#")) for target in links.targets)
        and len(links.targets) > 20
    )
    assert links.images_without_alt == 0
    assert "script" not in links.tags and "&lt;script&gt;" in page
    content["edits"][0]["text"] = "x"
    again = {**gather(params, finished.layout), "edits": content["edits"]}
    assert render("report.html.j2", again) == render("report.html.j2", content)


def test_tiles_marks_and_heat():
    images = np.arange(5 * 2 * 3 * 3, dtype=np.uint8).reshape(5, 2, 3, 3)
    tiled = figures.tile(images, 2)
    assert tiled.shape == (2 * 3 - 1, 2 * 4 - 1, 3)
    assert np.array_equal(tiled[:2, :3], images[0]) and np.array_equal(tiled[3:, 4:], images[3])
    assert (tiled[2] == 255).all()
    marked = figures.mark(np.zeros((16, 16, 3), np.uint8), 0.5, 0.5)
    assert marked[5, 8].tolist() == [255] * 3 and marked[8, 8].tolist() == [0] * 3
    bright = figures.heat(np.full((4, 4, 3), 100, np.uint8), np.array([[0.0, 1.0], [0.5, 0.0]]))
    assert bright[0, 0, 0] == 20 and bright[0, 3, 0] == 100 and bright[3, 0, 0] == 60


def test_charts_are_the_same_each_time():
    series = {"a": ([1, 2, 3], [3.0, 1.0, 2.0])}
    assert figures.chart(series, "x", "y") == figures.chart(series, "x", "y")


def test_heard_words_overlap_by_half():
    row = {
        "words": [
            {"word": "red", "start": 0.0, "end": 0.4},
            {"word": "cube", "start": 0.4, "end": 1.0},
        ]
    }
    assert heard_words(row, 0.2, 0.6) == ["red"] and heard_words(row, 0.0, 1.0) == ["red", "cube"]


def test_words_as_frequent_as_each_other_are_in_the_order_of_the_alphabet():
    said = ["yellow", "red", "green", "cyan", "blue"]
    row = {"words": [{"word": word, "start": 0.0, "end": 1.0} for word in said]}
    record = {"sounds": [{"sample": 0, "start": 0.0, "end": 1.0, "activation": 1.0}]}
    assert words_in(record, {0: row}) == [(word, 1) for word in sorted(said)]


@pytest.mark.parametrize(("seconds", "words"), [({}, ""), ({"a<b": 61.2}, "a&lt;b")])
def test_run_times(seconds, words):
    assert words in times_section(seconds)
    assert bool(times_section(seconds)) == bool(seconds)
