"""report: metrics, plots and examples -> data/report/index.html, one self-contained page."""

from wordbrush.params import Params
from wordbrush.report.page import gather, render
from wordbrush.storage.files import whole_directory
from wordbrush.storage.layout import Layout


def run(params: Params, layout: Layout) -> None:
    """Write the page."""
    page = render("report.html.j2", gather(params, layout))
    with whole_directory(layout.report) as folder:
        (folder / "index.html").write_text(page, encoding="utf-8")
