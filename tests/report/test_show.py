"""The table on a terminal of 80 columns."""

import io

from rich.console import Console

from wordbrush.evaluation.paper import METHODS
from wordbrush.report.table import results_table


def test_nothing_is_cut_off_at_80_columns():
    entry = {
        "semantic": {"mean": 64.47, "color": 84.86, "size": 63.71},
        "recall": {"10": 29.9},
        "real_images": 65.0,
        "edit_success": None,
    }
    results = {
        name: {**entry, "edit_success": 91.25 if method.edits else None}
        for name, method in METHODS.items()
    }
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(results_table(results))
    text = console.export_text()
    assert (
        "…" not in text and "HN + targeted edits" in text and "84.9 (67)" in text and "91.2" in text
    )
