"""Every method's numbers over several trials, with 95 % intervals, beside the paper's, as SVG."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from experiments.tables import COLUMNS, half_interval, heading, paper
from wordbrush.evaluation.methods import method_named
from wordbrush.evaluation.results import Results
from wordbrush.report.figures import INK  # and its style: no dates, no random ids
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.files import whole_file

PANELS = ("semantic", *map(heading, ATTRIBUTES), "R@1")


def draw_methods(path: Path, trials: Sequence[Results]) -> None:
    """Draw a panel for each of PANELS that was measured, with all methods.

    Our numbers are dots with intervals, the paper's are circles, and chance is a line.
    """
    methods = list(trials[0])
    shown = [one for one in PANELS if None not in values_of(one, methods[0], trials)]
    figure = Figure(figsize=(2.2 * len(shown), 3.4), layout="constrained")
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    positions = np.arange(len(methods))
    for panel, column in zip(panels, shown, strict=True):
        values = [values_of(column, name, trials) for name in methods]
        panel.errorbar(
            positions,
            np.mean(values, 1),
            [half_interval(one) for one in values],
            fmt="o",
            capsize=3,
            label="ours",
        )
        panel.plot(
            positions,
            [paper(name, column) for name in methods],
            "o",
            fillstyle="none",
            color=INK,
            label="the paper's",
        )
        if not column.startswith("R@"):
            panel.axhline(50, color="lightgray", zorder=0)
        panel.set_title(column)
        panel.set_xticks(
            positions,
            [short(name) for name in methods],
            rotation=60,
            ha="right",
            rotation_mode="anchor",
        )
    panels[0].set_ylim(0, 105)
    panels[0].set_ylabel("percent")
    panels[0].legend(frameon=False, loc="lower right")
    with whole_file(path) as out:
        # no date: the same bytes for the same numbers
        figure.savefig(out, format="svg", metadata={"Date": None})


def values_of(column: str, name: str, trials: Sequence[Results]) -> list[float | None]:
    """A number of a method in every trial."""
    return [COLUMNS[column](trial[name]) for trial in trials]


def short(name: str) -> str:
    """A short title: edits stand to the right of the method that they are added to."""
    method = method_named(name)
    if method.edits:
        return f"+ {method.edits}"
    return method.title if method.mining == "random" else f"{method.mining} neg."
