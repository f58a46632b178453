"""Numbers over several trials, with 95 % intervals, as SVG."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from experiments.tables import COLUMNS, half_interval, heading, paper
from wordbrush.evaluation.methods import method_named
from wordbrush.evaluation.results import Results, Units
from wordbrush.evaluation.units import FEATURES
from wordbrush.report.figures import ACCENTS, INK  # and its style: no dates, no random ids
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
    save(path, figure)


def draw_layers(path: Path, plain: Sequence[Units], quantised: Sequence[Units]) -> None:
    """Draw how well layers tell phones apart, without codebooks and with them, and how many words
    the codes behind them detect; one of `Units` for each trial."""
    figure = Figure(figsize=(7.5, 3.2), layout="constrained")
    phones, words = figure.subplots(1, 2, width_ratios=(5, 2))
    layers = list(quantised[0])
    behind = [layer for layer in layers if "codebook" in quantised[0][layer]]
    names = [
        "log-mels" if layer == FEATURES else f"layer {layer}\n{scores['frame_ms']:g} ms"
        for layer, scores in quantised[0].items()
    ]
    plotted = (
        ("without codebooks", "o", layers, [[one[k]["abx"] for k in layers] for one in plain]),
        ("with codebooks", "s", layers, [[one[k]["abx"] for k in layers] for one in quantised]),
        ("codes", "D", behind, [[one[k]["codebook"]["abx"] for k in behind] for one in quantised]),
    )
    for number, (label, marker, shown, trials) in enumerate(plotted):
        values = np.array([[one["value"] for one in trial] for trial in trials])
        places = [layers.index(layer) + 0.15 * (number - 1) for layer in shown]
        spread = [half_interval(column) for column in values.T]
        style = {"fmt": marker, "color": ACCENTS[number], "capsize": 3, "label": label}
        phones.errorbar(places, values.mean(0), spread, **style)
    phones.set_ylim(0, 50)
    phones.set_ylabel("phone ABX, % (chance 50)")
    phones.set_xticks(range(len(layers)), names)
    phones.legend(frameon=False, loc="upper left")
    found = np.array([[one[k]["codebook"]["word_f1"] for k in behind] for one in quantised])
    words.bar(range(len(behind)), found.mean(0), 0.5, color=ACCENTS[2])
    words.errorbar(
        range(len(behind)),
        found.mean(0),
        [half_interval(column) for column in found.T],
        fmt="none",
        ecolor=INK,
        capsize=3,
    )
    words.set_ylim(0, 100)
    words.set_ylabel("mean F1 of words, %")
    words.set_xticks(range(len(behind)), [f"layer {layer}" for layer in behind])
    save(path, figure)


def save(path: Path, figure: Figure) -> None:
    """Without a date: the same bytes for the same numbers."""
    with whole_file(path) as out:
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
