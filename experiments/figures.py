"""Figure of several trials: every method's numbers with 95 % intervals beside the paper's, as SVG."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from experiments.tables import COLUMNS, half_interval, paper
from wordbrush.evaluation.paper import METHODS
from wordbrush.evaluation.results import Results
from wordbrush.report.figures import INK  # and its style: no dates, no random ids
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.files import whole_file

PANELS = ("semantic", *ATTRIBUTES, "R@1")
SHORT = {
    "davenet": "DaveNet",
    "random_edits": "+ random",
    "targeted_edits": "+ targeted",
    "hard_negatives": "hard neg.",
    "hn_random_edits": "+ random",
    "hn_targeted_edits": "+ targeted",
}


def draw_methods(path: Path, trials: Sequence[Results]) -> None:
    """A panel for each of PANELS: six methods, ours as dots with intervals, the paper's as circles, chance as a line."""
    figure = Figure(figsize=(2.2 * len(PANELS), 3.4), layout="constrained")
    panels = figure.subplots(1, len(PANELS), sharey=True)
    places = np.arange(len(METHODS))
    for panel, column in zip(panels, PANELS, strict=True):
        values = [[COLUMNS[column](trial[name]) for trial in trials] for name in METHODS]
        panel.errorbar(
            places,
            np.mean(values, 1),
            [half_interval(one) for one in values],
            fmt="o",
            capsize=3,
            label="ours",
        )
        panel.plot(
            places,
            [paper(name, column) for name in METHODS],
            "o",
            fillstyle="none",
            color=INK,
            label="the paper's",
        )
        if not column.startswith("R@"):
            panel.axhline(50, color="lightgray", zorder=0)
        panel.set_title(column)
        panel.set_xticks(
            places,
            [SHORT[name] for name in METHODS],
            rotation=60,
            ha="right",
            rotation_mode="anchor",
        )
    panels[0].set_ylim(0, 105)
    panels[0].set_ylabel("percent")
    panels[0].legend(frameon=False, loc="lower right")
    with whole_file(path) as out:
        figure.savefig(
            out, format="svg", metadata={"Date": None}
        )  # the same bytes for the same numbers
