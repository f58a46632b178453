"""What a page of the KFP UI says of its own origin: who ordered it, of what it is, what it took."""

from dataclasses import dataclass, field
from urllib.parse import quote

from wordbrush.report.page import render

CONSOLE = "https://console.cloud.google.com/storage/browser/"


@dataclass(frozen=True)
class Output:
    """An output of a stage: its path in the project, its bytes and hash, and its addresses.

    remote: in DVC's remote. download: of the folder with files that people know, if there is one.
    """

    path: str
    size: int
    md5: str
    remote: str
    download: str | None = None


@dataclass(frozen=True)
class About:
    """Facts by name, the outputs, the stages before, and the parameters that decided the result.

    A fact that is an address in a bucket becomes a link.
    """

    facts: dict[str, str]
    outputs: list[Output] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    parameters: dict[str, str] = field(default_factory=dict)


def about_section(about: About) -> str:
    """The section, as HTML."""
    return render("about.html.j2", {"about": about, "link": web_address})


def web_address(place: str) -> str | None:
    """Where a browser shows a place in a bucket; None for other places."""
    scheme, _, rest = place.partition("://")
    return CONSOLE + quote(rest) if scheme == "gs" else None
