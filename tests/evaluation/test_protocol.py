"""The data decide which tests run; readers of results accept that numbers are missing."""

import shutil

import pytest

from tests.workspace import Workspace
from wordbrush.data.splits import split_ranges
from wordbrush.evaluation.material import read_material
from wordbrush.evaluation.methods import Method
from wordbrush.evaluation.protocol import read_subject, run_tests
from wordbrush.evaluation.results import ConceptMetrics, Results
from wordbrush.registry.gate import card, summary
from wordbrush.report.show import show_results
from wordbrush.report.stage_pages import stage_page
from wordbrush.stages import evaluate, report
from wordbrush.storage.files import read_json

NEEDS = {
    "annotations": {"semantic", "edit_success"},
    "test_speech": {"semantic", "real_images"},
    "real_pairs": {"real_images"},
    "segmenter": {"edit_success"},
}


@pytest.fixture
def partial(finished, tmp_path):
    """The finished run without some folders of data/."""

    def without(*names: str) -> Workspace:
        workspace = Workspace(tmp_path / "partial")
        shutil.copytree(
            finished.root,
            workspace.root,
            ignore=lambda folder, _: names if folder.endswith("/data") else [".dvc"],
        )
        return workspace

    return without


@pytest.mark.parametrize("missing", NEEDS)
def test_a_test_runs_where_the_data_has_what_it_needs(partial, tiny, finished, missing):
    layout, method = partial(missing).layout, Method("pretrain", "hard")
    subject = read_subject(
        read_material(tiny, layout), layout.encoders(method.stage, method.mining), method
    )
    found = run_tests(read_material(tiny, layout), subject)
    whole = read_json(finished.layout.metrics("evaluation"), Results)["hard_negatives"]
    assert set(whole) - set(found) == NEEDS[missing] | {"validation", "composition"}
    assert all(found[name] == whole[name] for name in set(found) - {"intervals"})


def test_pairs_alone_are_enough(partial, tiny, capsys):
    """No annotations, no segmenter, no scenes, no words, no generator: pictures and captions."""
    workspace = partial(
        "annotations", "segmenter", "scenes", "test_speech", "real_pairs", "generator", "clusters"
    )
    layout = workspace.layout
    for stage in ("random-edits", "targeted-edits"):
        shutil.rmtree(layout.encoders(stage, "hard").parent)
    evaluate.run(tiny, layout)
    results = read_json(layout.metrics("evaluation"), Results)
    assert list(results) == ["davenet", "hard_negatives"]
    for one in results.values():
        assert set(one) == {"recall", "median_rank", "intervals", "validation"}
    metrics = read_json(layout.metrics("concepts"), ConceptMetrics)
    assert set(metrics["words"]) == set(results) and "distinct" not in metrics
    assert all(set(one) == {"word_f1", "detected"} for one in metrics["words"].values())
    report.run(tiny, layout)
    page = (layout.report / "index.html").read_text()
    assert "R@10" in page and "Learning to draw" not in page and "Semantic test" not in page
    assert "Hard negatives" in stage_page("evaluate", layout)
    show_results(layout)
    assert "Hard negatives" in capsys.readouterr().out
    recall = results["davenet"]["recall"]["10"]
    assert summary(results["davenet"]) == {"recall_10": recall, "score": recall}
    text = card("0" * 32, "davenet", results["davenet"], "There was no champion yet.")
    assert f"Recall@10 {recall:.1f} %.\n" in text


def test_validation_scores_are_of_validation_pairs(finished, tiny):
    """They are what the last row of each training's curve says."""
    results = read_json(finished.layout.metrics("evaluation"), Results)
    assert len(split_ranges(tiny.samples)["validation"]) == tiny.samples.validation
    for name, stage in (("davenet", "pretrain_random"), ("hn_random_edits", "random-edits_hard")):
        last = finished.layout.plots(stage).read_text().splitlines()[-1].split(",")[-1]
        assert results[name]["validation"]["recall"]["10"] == pytest.approx(float(last), abs=0.01)
