"""The parts of a small page, for the KFP UI.

The UI shows it in a sandboxed frame: everything is embedded, in 2 MB at most.
"""

from dataclasses import dataclass, field

from markupsafe import Markup

from wordbrush.report.about import About, about_section
from wordbrush.report.media import fitted
from wordbrush.report.page import render

LIMIT = 2_000_000  # bytes; what the KFP UI shows without trouble


@dataclass(frozen=True)
class Example:
    """Pictures, each with what it shows, beside text and sounds; all are data URIs."""

    pictures: list[tuple[str, str]]
    text: str
    sounds: list[str] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A heading with a sentence, pictures, charts, examples and a table.

    Pictures are data URIs; the first row of a table names its columns.
    """

    title: str
    text: str = ""
    pictures: list[str] = field(default_factory=list)
    charts: list[str] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    table: list[list[str]] = field(default_factory=list)


def section_page(title: str, sections: list[Section], about: About | None = None) -> str:
    """A page in HTML, below LIMIT."""
    origin = Markup(about_section(about)) if about else ""
    return fitted(
        render("stage.html.j2", {"title": title, "sections": sections, "about": origin}), LIMIT
    )
