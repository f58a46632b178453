"""The six methods as a table for the terminal."""

from rich.table import Table

from wordbrush.evaluation.paper import METHODS
from wordbrush.evaluation.results import Results


def results_table(results: Results) -> Table:
    """The six methods; the paper's numbers dim."""
    table = Table(
        title="Percent; the paper's in brackets; HN = hard negatives",
        title_justify="left",
        box=None,
    )
    table.add_column("method", no_wrap=True)
    for name in ("semantic", "colour", "size", "R@10", "real", "edits"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, result in results.items():
        paper = METHODS[name]
        table.add_row(
            paper.title.replace("Hard negatives +", "HN +"),
            beside(result["semantic"]["mean"], paper.semantic["mean"]),
            beside(result["semantic"]["color"], paper.semantic["color"]),
            beside(result["semantic"]["size"], paper.semantic["size"]),
            beside(result["recall"]["10"], paper.recall["10"]),
            f"{result['real_images']:.1f}",
            "–" if result["edit_success"] is None else f"{result['edit_success']:.1f}",
        )
    return table


def beside(ours: float, paper: float) -> str:
    return f"{ours:.1f} [dim]({paper:.0f})[/dim]"
