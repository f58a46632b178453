"""The pages of the tasks around the stages: what they decided, and where that comes from."""

import re
from pathlib import Path

import pytest
from kfp import dsl

from wordbrush.kubeflow.tasks import provenance
from wordbrush.kubeflow.tasks.artifacts import publish_comparison, publish_decision
from wordbrush.kubeflow.tasks.provenance import Provenance
from wordbrush.registry.gate import Decision
from wordbrush.registry.store import REGISTRY

SCORES = {"recall_10": 20.0, "score": 20.0}


@pytest.fixture(autouse=True)
def order(monkeypatch):
    order = Provenance("small", "registry/image:1", "0123abc", "cpu, spot", 0.11)
    monkeypatch.setenv(provenance.VARIABLE, order.as_text())


def facts(page: dsl.HTML) -> dict[str, str]:
    """The rows of the tables of a page with a name and one value, as HTML."""
    rows = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td></tr>', Path(page.path).read_text())
    return dict(rows)


def html(folder: Path) -> dsl.HTML:
    return dsl.HTML(name="page", uri=str(folder / "page"))


@pytest.mark.parametrize(
    ("known", "title"), [("stages: {}\n", "Nothing to do"), (None, "Stages run")]
)
def test_the_page_of_compare(tmp_path, known, title):
    page = html(tmp_path)
    publish_comparison(known, 72.0, dsl.Artifact(name="lock", uri=str(tmp_path / "lock")), page)
    text, shown = Path(page.path).read_text(), facts(page)
    assert f"<h1>{title}</h1>" in text
    assert re.findall("<h2>(.*?)</h2>", text)[0] == "Why"
    assert (shown["task"], shown["preset"], shown["pool"]) == ("compare", "small", "cpu, spot")
    assert shown["duration"] == "1 min 12 s" and shown["cost"].startswith("about 0.0022 $, at 0.11")


@pytest.mark.parametrize(
    ("verdict", "serves"), [("promoted", "new1"), ("unchanged", "new1"), ("rejected", "old1")]
)
def test_the_page_of_the_gate(tmp_path, monkeypatch, verdict, serves):
    monkeypatch.setenv(REGISTRY, "gs://bucket/registry/")
    page, scalars = html(tmp_path), dsl.Metrics(name="scalars", uri=str(tmp_path / "scalars"))
    decision = Decision(verdict, "Because.", "new1", "hn_random_edits", SCORES, SCORES, "old1", 0.5)
    publish_decision(decision, 3600.0, page, scalars)
    shown, place = facts(page), f"bucket/registry/versions/{serves}"
    assert (shown["task"], shown["pool"]) == ("promote", "cpu, spot")
    assert shown["duration"] == "1 h 00 min"
    assert shown["cost"].startswith("about 0.11 $") and shown["promotion.margin"] == "0.5"
    assert shown["reads the results of"] == "report"
    assert f'browser/{place}">gs://{place}</a>' in shown["champion"]
