"""`wordbrush show`: the results on the terminal, and the page with this machine's run times. Loads no torch."""

from html import escape

from rich.console import Console
from rich.table import Table

from wordbrush.evaluation.paper import METHODS
from wordbrush.evaluation.results import Results
from wordbrush.runtime import timings
from wordbrush.runtime.errors import WordbrushError
from wordbrush.runtime.files import read_json, whole_file
from wordbrush.runtime.layout import Layout

TIMES_MARK = "<!-- run times -->"


def show_results(layout: Layout) -> None:
    """Raises WordbrushError where there are no results yet."""
    page, metrics = layout.report / "index.html", layout.metrics("evaluation")
    if not page.is_file() or not metrics.is_file():
        raise WordbrushError("there are no results here yet: run `make demo`.")
    Console().print(results_table(read_json(metrics, Results)))
    target = layout.root / "report.html"
    with whole_file(target) as scratch:
        text = page.read_text(encoding="utf-8").replace(TIMES_MARK, times_section(timings.read(layout)))
        scratch.write_text(text, encoding="utf-8")
    print(f"The page: {target.resolve()}")


def results_table(results: Results) -> Table:
    """The six methods; the paper's numbers dim."""
    table = Table(title="Percent; the paper's in brackets; HN = hard negatives", title_justify="left", box=None)
    table.add_column("method", no_wrap=True)
    for name in ("semantic", "colour", "size", "R@10", "real", "edits"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, result in results.items():
        paper = METHODS[name]
        table.add_row(paper.title.replace("Hard negatives +", "HN +"), beside(result["semantic"]["mean"], paper.semantic["mean"]),
                      beside(result["semantic"]["color"], paper.semantic["color"]),
                      beside(result["semantic"]["size"], paper.semantic["size"]),
                      beside(result["recall"]["10"], paper.recall["10"]), f"{result['real_images']:.1f}",
                      "–" if result["edit_success"] is None else f"{result['edit_success']:.1f}")
    return table


def beside(ours: float, paper: float) -> str:
    return f"{ours:.1f} [dim]({paper:.0f})[/dim]"


def times_section(seconds: dict[str, float]) -> str:
    """Run times as a table of HTML."""
    if not seconds:
        return ""
    rows = "".join(f"<tr><th scope='row'>{escape(stage)}</th><td>{value:.0f} s</td></tr>" for stage, value in seconds.items())
    total = sum(seconds.values())
    return (f"<div class='scroll'><table><caption>Run times on this machine, {total / 60:.1f} minutes in all "
            f"(a stage's last run)</caption><tbody>{rows}</tbody></table></div>")
