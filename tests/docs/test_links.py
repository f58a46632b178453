"""Every link of the pages leads to a file and a heading that exist."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
LINK = re.compile(r"\]\(\s*([^)\s]+)\s*\)")
ELSEWHERE = re.compile(r"[a-z]+:")  # https:, mailto:


def prose(text: str) -> str:
    """A page without its code."""
    return FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """The headings of a page, as GitHub names them.

    Lower case, without punctuation, a hyphen for each space, and a number after a name that was
    there before (github.com/jch/html-pipeline, toc_filter.rb).
    """
    seen: Counter[str] = Counter()
    names = set()
    for heading in HEADING.findall(prose(text)):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        names.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return names


def dead_links(page: Path) -> list[str]:
    """The links of a page whose file or heading does not exist."""
    dead = []
    for link in LINK.findall(re.sub(r"`[^`\n]*`", "", prose(page.read_text(encoding="utf-8")))):
        if ELSEWHERE.match(link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        known = target.suffix != ".md" or not anchor
        if not target.exists() or not (known or anchor in anchors(target.read_text("utf-8"))):
            dead.append(link)
    return dead


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page):
    assert dead_links(page) == []


def test_a_dead_link_would_be_found(tmp_path):
    (tmp_path / "other.md").write_text("# Say it: *aloud*\n## `a_b`, again\n## Twice\n## Twice\n")
    good = "[a](other.md#say-it-aloud) [b](other.md#a_b-again) [c](other.md#twice-1) [d](#here)"
    text = f"# Here\n{good}\n```\n# There\n[e](none.md)\n```\n`[f](none.md)`\n"
    page = tmp_path / "page.md"
    page.write_text(f"{text}[g](#there) [h](none.md) [i](other.md#twice-2) [j](https://k.org/#l)\n")
    assert dead_links(page) == ["#there", "none.md", "other.md#twice-2"]
