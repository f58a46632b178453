"""Tables of results, for people."""

from wordbrush.report.results_section import known_section


def test_languages_that_were_not_heard_have_names():
    level = {"value": 20.0, "low": 10.0, "high": 30.0}
    way = {
        "recall": dict.fromkeys(("1", "5", "10"), level),
        "chance": dict.fromkeys(("1", "5", "10"), 1.0),
        "median_rank": 3.0,
        "candidates": 9,
    }
    ways = {"pictures": way, "captions": way}
    table = known_section({"known": {"unheard": ways, "unheard el": ways, "unheard xyz": ways}})
    titles = [title for title, _, _ in table.rows]
    assert titles[::2] == [
        "captions that it did not hear: a caption finds its picture",
        "captions that it did not hear, in Greek: a caption finds its picture",
        "captions that it did not hear, in xyz: a caption finds its picture",
    ]
