"""The alert rules: promtool finds them valid, and they fire as rules_test.yaml says."""

import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).resolve().parents[2]
RULES = YAML(typ="safe").load(ROOT / "k8s/monitoring/rules.yaml")
ALERTS = {rule["alert"]: rule for group in RULES["spec"]["groups"] for rule in group["rules"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The manifest's rules as Prometheus reads them, beside their tests."""
    folder = tmp_path_factory.mktemp("rules")
    with (folder / "rules.yaml").open("w") as out:
        YAML().dump(RULES["spec"], out)
    shutil.copy(ROOT / "tests/monitoring/rules_test.yaml", folder)
    return folder


def promtool(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["promtool", *arguments], cwd=folder, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_rules_are_valid(folder):
    assert f"SUCCESS: {len(ALERTS)} rules found" in promtool(folder, "check", "rules", "rules.yaml")


def test_every_alert_fires_and_stays_silent_where_it_should(folder):
    assert "SUCCESS" in promtool(folder, "test", "rules", "rules_test.yaml")
    tests = (folder / "rules_test.yaml").read_text()
    assert all(tests.count(alert) >= 2 for alert in ALERTS)


def test_promtool_would_see_a_wrong_threshold(folder, tmp_path):
    text = (folder / "rules.yaml").read_text()
    assert "> 1800" in text
    (tmp_path / "rules.yaml").write_text(text.replace("> 1800", "> 180000"))
    shutil.copy(folder / "rules_test.yaml", tmp_path)
    assert (
        subprocess.run(
            ["promtool", "test", "rules", "rules_test.yaml"], cwd=tmp_path, capture_output=True
        ).returncode
        != 0
    )


def test_every_alert_says_what_it_means_and_what_to_do():
    documented = (ROOT / "docs/monitoring.md").read_text()
    for name, rule in ALERTS.items():
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert all(
            len(rule["annotations"][part]) > 20 for part in ("summary", "description", "runbook")
        )
        assert f"| {name} | {rule['labels']['severity']} |" in documented
