"""The table on a terminal of 80 columns."""

import io

from rich.console import Console

from wordbrush.evaluation.table import results_table


def test_nothing_is_cut_off_at_80_columns():
    names = ("davenet", "random_edits", "hard_negatives", "hn_targeted_edits")
    entry = {
        "semantic": {"mean": 64.47, "color": 84.86, "size": 63.71},
        "recall": {"10": 29.9},
        "real_images": 65.0,
        "edit_success": None,
    }
    results = {
        name: {**entry, "edit_success": 91.25 if name.endswith("edits") else None} for name in names
    }
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(results_table(results))
    text = console.export_text()
    assert (
        "…" not in text and "HN + targeted edits" in text and "84.9 (67)" in text and "91.2" in text
    )


def test_what_was_not_measured_leaves_a_dash():
    console = Console(width=80, record=True, file=io.StringIO())
    recall = {"1": 1.0, "5": 2.0, "10": 3.0}
    console.print(results_table({"shn_random_edits": {"recall": recall, "median_rank": 9.0}}))
    last = console.export_text().splitlines()[-1]
    assert last.split() == [
        "Semi-hard",
        "negatives",
        "+",
        "random",
        "edits",
        "–",
        "–",
        "–",
        "3.0",
        "–",
        "–",
    ]
