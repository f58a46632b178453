"""`wordbrush show`: the results on the terminal, and the page with this machine's run times.

Loads no torch.
"""

from html import escape

from rich.console import Console

from wordbrush.errors import WordbrushError
from wordbrush.evaluation.results import Results
from wordbrush.evaluation.table import results_table
from wordbrush.report import timings
from wordbrush.storage.files import read_json, whole_file
from wordbrush.storage.layout import Layout

TIMES_MARK = "<!-- run times -->"


def show_results(layout: Layout) -> None:
    """Raises WordbrushError where there are no results yet."""
    page, metrics = layout.report / "index.html", layout.metrics("evaluation")
    if not page.is_file() or not metrics.is_file():
        raise WordbrushError("there are no results here yet: run `make demo`.")
    Console().print(results_table(read_json(metrics, Results)))
    target = layout.root / "report.html"
    with whole_file(target) as scratch:
        text = page.read_text(encoding="utf-8").replace(
            TIMES_MARK, times_section(timings.read(layout))
        )
        scratch.write_text(text, encoding="utf-8")
    print(f"The page: {target.resolve()}")


def times_section(seconds: dict[str, float]) -> str:
    """Run times as a table of HTML."""
    if not seconds:
        return ""
    rows = "".join(
        f"<tr><th scope='row'>{escape(stage)}</th><td>{value:.0f} s</td></tr>"
        for stage, value in seconds.items()
    )
    total = sum(seconds.values())
    return (
        f"<div class='scroll'><table><caption>Run times on this machine, {total / 60:.1f} minutes "
        f"in all (a stage's last run)</caption><tbody>{rows}</tbody></table></div>"
    )
