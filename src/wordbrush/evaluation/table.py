"""The methods as a table for the terminal."""

from rich.table import Table

from wordbrush.evaluation.methods import method_named
from wordbrush.evaluation.paper import published
from wordbrush.evaluation.results import Result, Results

NOTHING = "–"  # not measured
SEMANTIC = {"semantic": "mean", "colour": "color", "size": "size"}  # columns, with what they show


def results_table(results: Results) -> Table:
    """A row for each method; the paper's numbers dim, unless the data are a collection's."""
    collected = any("ways" in result for result in results.values())
    paper = "" if collected else " the paper's in brackets;"
    table = Table(
        title=f"Percent;{paper} HN = hard negatives",
        title_justify="left",
        box=None,
    )
    table.add_column("method", no_wrap=True)
    for name in (*SEMANTIC, "R@10", "real", "edits"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, result in results.items():
        table.add_row(*row(name, result))
    return table


def row(name: str, result: Result) -> list[str]:
    """The cells of a method."""
    paper, semantic = published(name), result.get("semantic", {})
    return [
        method_named(name).title.replace("Hard negatives +", "HN +"),
        *(beside(semantic.get(one), paper.semantic.get(one)) for one in SEMANTIC.values()),
        beside(result["recall"]["10"], None if "ways" in result else paper.recall.get("10")),
        beside(result.get("real_images")),
        beside(result.get("edit_success")),
    ]


def beside(ours: float | None, paper: float | None = None) -> str:
    """Our number, and the paper's in brackets, as far as there are any."""
    if ours is None:
        return NOTHING
    return f"{ours:.1f}" + ("" if paper is None else f" [dim]({paper:.0f})[/dim]")
