"""One table of stages: all that names stages has those of the table, in its words."""

import inspect
import re
from importlib import import_module

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
from wordbrush.params import GRAPHS, MININGS
from wordbrush.report.stage_pages import SECTIONS
from wordbrush.stages.table import STAGES
from wordbrush.versioning.graph import definition

TEXT = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
DVC = YAML(typ="safe").load(definition(TEXT))["stages"]  # of all graphs
NAMES = [stage.name for stage in STAGES]


def test_dvc_yaml_has_the_stages_of_the_table_in_its_order():
    assert list(DVC) == NAMES


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_dvc_yaml_says_what_the_table_says(stage):
    entry = DVC[stage.name]
    assert entry["desc"] == stage.summary
    named = entry.get("meta", {}).get("graph", list(GRAPHS))
    assert ([named] if isinstance(named, str) else named) == list(stage.graphs)
    assert entry.get("matrix") == ({"mining": list(MININGS)} if stage.per_mining else None)
    option = " --mining ${item.mining}" if stage.per_mining else ""
    assert entry["cmd"] == f"wordbrush {stage.name}{option}"


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_a_module_takes_what_the_table_promises(stage):
    parameters = set(inspect.signature(import_module(stage.module).run).parameters)
    assert parameters - {"params", "layout"} == (
        ({"mining"} if stage.per_mining else set()) | ({"checkpoints"} if stage.resumes else set())
    )


def test_every_stage_has_a_page():
    assert [*SECTIONS, "report"] == NAMES  # the page of `report` is the report


def test_every_stage_has_a_component():
    files = {path.stem for path in (ROOT / "components").glob("*.py")} - {"__init__"}
    assert files == {stage.identifier for stage in STAGES} | {"compare", "notify", "promote"}


def test_make_trains_the_minings_of_the_table():
    (names,) = re.findall(r"^MININGS := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert names.split() == [f"mining-{mining}" for mining in MININGS]
