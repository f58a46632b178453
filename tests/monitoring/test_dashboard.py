"""A real Prometheus scrapes real stages and a real Pushgateway.

It answers every query of the dashboard.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from prometheus_client import REGISTRY
from ruamel.yaml import YAML

from tests.monitoring.servers import SCRAPE_SECONDS, Prometheus, free_port, prometheus, pushgateway
from tests.workspace import Workspace, environment
from wordbrush.registry.gate import decide
from wordbrush.registry.store import open_registry
from wordbrush.telemetry.gpu import Gpu

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).resolve().parents[2]
WORDBRUSH = str(Path(sys.executable).with_name("wordbrush"))
DOCUMENT = (ROOT / "docs/monitoring.md").read_text()
PANELS = {
    panel["title"]: panel
    for panel in json.loads((ROOT / "k8s/monitoring/dashboard.json").read_text())["panels"]
    if panel["type"] != "row"
}
OF_A_GPU = {"GPU memory", "GPU use"}  # whose metrics are absent without one
# How many times as long as in `tiny`, so that many scrapes see them.
STAGES = {"train-gan": 8, "random-edits --mining hard": 100}
IMAGES, PAIRS = 8 * 256 + 96, 100 * 4 * 16  # what they show, by presets/tiny.yaml
EDITED = PAIRS // 4  # by edit_every of params.yaml


def query(panel: dict) -> str:
    (target,) = panel["targets"]
    return target["expr"]


@pytest.fixture(scope="module")
def asked(finished, pushed, tmp_path_factory) -> Prometheus:
    """A Prometheus that saw two stages run, side by side, and the gate decide."""
    folder = tmp_path_factory.mktemp("prometheus")
    ports = {stage: free_port() for stage in STAGES}
    with (
        pushgateway() as gateway,
        prometheus(folder, [f"127.0.0.1:{port}" for port in ports.values()], gateway) as server,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("WORDBRUSH_PUSHGATEWAY", gateway)
        runs = [start(finished, folder / str(port), stage, port) for stage, port in ports.items()]
        champion(folder / "registry", finished)
        decide(
            (finished.root / "params.yaml").read_text(),
            finished.root / "dvc.lock",
            str(folder / "registry"),
            ROOT,
            pushed,
        )
        for run in runs:
            _, said = run.communicate()
            assert run.returncode == 0 and "metrics" not in said and "outcome" not in said, said
        server.wait_for('wordbrush_stage_exit{stage="random-edits"}')
        server.wait_for('wordbrush_stage_exit{stage="train-gan"}')
        server.wait_for('wordbrush_gate_verdict{stage="promote"}')
        yield server


def start(finished: Workspace, folder: Path, stage: str, port: int) -> subprocess.Popen[str]:
    """A stage in a copy of the workspace, with a checkpoint after each step."""
    shutil.copytree(finished.root, folder)
    Workspace(folder).every_step().longer(STAGES[stage])
    return subprocess.Popen(
        [WORDBRUSH, *stage.split()],
        cwd=folder,
        env=environment(WORDBRUSH_METRICS_PORT=str(port)),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def champion(folder: Path, finished: Workspace) -> None:
    """Promote the encoders of a method, so that the gate has two models to compare."""
    open_registry(str(folder)).promote(
        "other", finished.layout.encoders("pretrain", "random"), None
    )


@pytest.mark.parametrize("title", sorted(PANELS.keys() - OF_A_GPU))
def test_every_panel_has_data(asked, title):
    assert asked.numbers(query(PANELS[title]))


@pytest.mark.parametrize("title", sorted(OF_A_GPU))
def test_panels_of_the_gpu_have_data_where_there_is_one(asked, title):
    assert bool(asked.numbers(query(PANELS[title]))) == torch.cuda.is_available()
    # promtool evaluates these on made-up series
    evaluated = YAML(typ="safe").load(ROOT / "tests/monitoring/rules_test.yaml")["tests"]
    assert query(PANELS[title]) in [
        one["expr"] for test in evaluated for one in test.get("promql_expr_test", [])
    ]


def test_what_was_scraped_is_what_happened(asked):
    """The last scrape comes some time before the end."""
    assert (
        IMAGES / 2
        < max(asked.numbers('wordbrush_units_total{stage="train-gan", unit="image"}'))
        <= IMAGES
    )
    assert set(asked.numbers('wordbrush_units_expected{stage="train-gan", unit="image"}')) == {
        IMAGES
    }
    assert (
        PAIRS / 2
        < max(
            asked.numbers('wordbrush_units_total{stage="random-edits", mining="hard", unit="pair"}')
        )
        <= PAIRS
    )
    assert EDITED / 2 < max(asked.numbers("wordbrush_edits_total")) <= EDITED
    assert {4, 8, 16} >= set(asked.numbers("wordbrush_gan_resolution_pixels")) >= {16}
    assert all(
        0 <= share <= 1
        for title in ("Progress", "GAN fade", "Waiting for data", "Recall on validation pairs")
        for share in asked.numbers(query(PANELS[title]))
    )
    # A sample has the time at which its scrape began, and the stage answers later. So an age may be
    # below 0 by the duration of a scrape.
    ages = ("Checkpoint age", "Since last progress", "Since last success", "Last duration")
    assert all(
        -SCRAPE_SECONDS < age < 600 for title in ages for age in asked.numbers(query(PANELS[title]))
    )
    ends = {
        (one["metric"]["stage"], one["metric"].get("mining"), one["metric"]["reason"])
        for one in asked.series("wordbrush_stage_exit == 1")
    }
    assert ends == {
        ("train-gan", None, "success"),
        ("random-edits", "hard", "success"),
        ("promote", None, "success"),
    }


def test_labels_are_bounded(asked):
    """Only these labels, and only values that are in the code."""
    known = {
        "__name__",
        "instance",
        "job",
        "stage",
        "mining",
        "task",
        "unit",
        "name",
        "k",
        "reason",
        "verdict",
        "model",
    }
    seen = [one["metric"] for one in asked.series('{__name__=~"wordbrush_.*"}')]
    assert {label for metric in seen for label in metric} <= known
    assert {metric["task"] for metric in seen if "task" in metric} == {
        "training the GAN",
        "learning, hard negatives",
    }
    assert {metric["name"] for metric in seen if "name" in metric} == {
        "generator",
        "discriminator",
        "all",
    }


def test_the_document_has_every_panel_as_it_is():
    table = re.findall(
        r"^\| ([^|`]+) \| `([^`]+)` \| ([^|]+) \|$",
        DOCUMENT.partition("## The dashboard")[2],
        re.MULTILINE,
    )
    assert table == [(title, query(panel), panel["description"]) for title, panel in PANELS.items()]


def test_the_document_has_every_metric(asked):
    documented = set(re.findall(r"^\| `(wordbrush_\w+)` \|", DOCUMENT, re.MULTILINE))
    own = {
        metric.name + "_total" * (metric.type == "counter")
        for metric in REGISTRY.collect()
        if metric.name.startswith("wordbrush_")
    }
    pushed = {
        one["metric"]["__name__"]
        for one in asked.series('{__name__=~"wordbrush_.*", job="wordbrush"}')
    }
    of_a_gpu = {name for name in documented if name.startswith("wordbrush_gpu_")}
    assert documented == own | pushed | of_a_gpu
    assert all(name in Path(sys.modules[Gpu.__module__].__file__).read_text() for name in of_a_gpu)


def test_kustomize_builds_the_rules_and_the_dashboard_for_grafanas_sidecar():
    built = subprocess.run(
        ["kubectl", "kustomize", str(ROOT / "k8s/monitoring")],
        text=True,
        capture_output=True,
        check=True,
    )
    made = {one["kind"]: one for one in YAML(typ="safe").load_all(built.stdout)}
    assert set(made) == {"ConfigMap", "PrometheusRule"}
    assert made["ConfigMap"]["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(made["ConfigMap"]["data"]["wordbrush.json"])["uid"] == "wordbrush"
