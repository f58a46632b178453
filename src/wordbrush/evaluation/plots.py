"""The tables that `dvc plots` draws."""

import numpy as np
from torch import Tensor

from wordbrush.evaluation.methods import method_named
from wordbrush.evaluation.paper import published
from wordbrush.evaluation.results import RECALL_LEVELS, Results
from wordbrush.storage.files import write_csv
from wordbrush.storage.layout import Layout

ROC_POINTS = 101
UNPUBLISHED = ""


def write_plots(layout: Layout, results: Results, scores: Tensor, positives: Tensor) -> None:
    """Semantic test and recall of all methods beside the paper's, and the ROC curve of `scores`
    [N, N], of which the `positives` are matched pairs."""
    write_csv(
        layout.plots("semantic"),
        ("method", "attribute", "accuracy", "low", "high", "paper"),
        [
            (
                method_named(name).title,
                attribute,
                float(result["semantic"][attribute]),
                interval["low"],
                interval["high"],
                published(name).semantic.get(attribute, UNPUBLISHED),
            )
            for name, result in results.items()
            for attribute, interval in result["intervals"].get("semantic", {}).items()
        ],
    )
    write_csv(
        layout.plots("recall"),
        ("method", "k", "recall", "paper"),
        [
            (
                method_named(name).title,
                int(k),
                float(result["recall"][k]),
                published(name).recall.get(k, UNPUBLISHED),
            )
            for name, result in results.items()
            for k in RECALL_LEVELS
        ],
    )
    write_csv(
        layout.plots("roc"),
        ("false_positive_rate", "true_positive_rate"),
        roc_points(scores[positives].numpy(), scores[~positives].numpy()),
    )


def roc_points(matched: np.ndarray, mismatched: np.ndarray) -> list[tuple[float, float]]:
    """False and true positive rates at levels spread evenly over the scores of mismatched pairs."""
    levels = np.quantile(mismatched, np.linspace(1, 0, ROC_POINTS))
    return [
        (float((mismatched >= level).mean()), float((matched >= level).mean())) for level in levels
    ]
