"""The pages on clusters: commands parse, overlays build, node pools match k8s/pools.yaml."""

import re
import shutil
import subprocess
from pathlib import Path

import pipeline
import pytest
from dvc.cli import DvcParserError
from dvc.cli.parser import get_main_parser
from ruamel.yaml import YAML

from k8s.checks import schemas
from k8s.checks.__main__ import app as checks
from k8s.checks.manifests import Manifest, build
from tests.docs.commands import Page, options, parses, parses_in_bash
from tests.k8s.overlays import copied
from tests.k8s.terraform import FOLDER, blocks, local_values
from wordbrush import cli
from wordbrush.kubeflow.compiler.pools import load_pools
from wordbrush.kubeflow.server.schedules import check_cron

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).resolve().parents[2]
PAGES = ("cluster", "cluster-costs", "cluster-troubleshooting", "kind")
PAGE = Page.read(*(ROOT / f"docs/{name}.md" for name in PAGES))
TOOLS = {
    "gcloud",
    "terraform",
    "kubectl",
    "helm",
    "kind",
    "docker",
    "git",
    "sed",
    "gcp-storage-emulator",
}
# Checked by test_other_pools_are_those_of_the_page.
MADE_POOLS = {arguments[-1] for arguments in PAGE.of("sed")}
KUBECTL_PAGES: dict[str, str] = {}
KUBECTL_SUBCOMMANDS = ("create secret generic", "create rolebinding", "rollout restart")


@pytest.mark.parametrize("block", PAGE.blocks)
def test_bash_reads_every_block(block):
    assert parses_in_bash(block) == ""


def test_every_command_is_of_a_tool_that_this_test_knows():
    assert {command[0] for command in PAGE.commands} == TOOLS | {
        "python",
        "wordbrush",
        "dvc",
        "make",
    }


@pytest.mark.parametrize("arguments", PAGE.of("python", "pipeline.py"), ids=" ".join)
def test_pipeline_commands(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    parses(pipeline.app, arguments)
    given = options(arguments)
    if "cron" in given:
        check_cron(given["cron"])
    if "preset" in given:
        assert (ROOT / f"presets/{given['preset']}.yaml").is_file()
    if "pools" in given and given["pools"] not in MADE_POOLS:
        load_pools(ROOT / given["pools"])


def test_a_wrong_command_would_be_found():
    for wrong, complaint in (
        (["submit", "--presets", "small"], "No such option"),
        (["adopt"], "Missing parameter: run"),
        (["sumbit"], "there is no verb"),
        (["submit", "--every", "soon"], "valid number"),
    ):
        with pytest.raises(Exception, match=complaint):
            parses(pipeline.app, wrong)
    assert "syntax error" in parses_in_bash("echo 'x' | | cat\n")
    with pytest.raises(DvcParserError):
        get_main_parser().parse_args(["remote", "add", "--defualt", "shared", "gs://b"])


@pytest.mark.parametrize("arguments", PAGE.of("wordbrush"), ids=" ".join)
def test_wordbrush_commands(arguments):
    parses(cli.app, arguments)


@pytest.mark.parametrize("arguments", PAGE.of("dvc"), ids=" ".join)
def test_dvc_commands(arguments):
    assert get_main_parser().parse_args(arguments).func


@pytest.mark.parametrize("arguments", PAGE.of("make"), ids=" ".join)
def test_make_commands(arguments):
    assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("arguments", PAGE.of("python", "-m", "k8s.checks"), ids=" ".join)
def test_overlays_that_are_checked_build(arguments, tmp_path):
    parses(checks, arguments)
    assert build(copied(tmp_path).parent / arguments[0])
    pools = options(arguments).get("pools")
    assert pools is None or load_pools(ROOT / pools)


def test_overlays_that_are_applied_are_checked_before():
    applied = [arguments[1] for arguments in PAGE.of("kubectl", "apply") if arguments[0] == "-k"]
    checked = [path for path, *_ in PAGE.of("python", "-m", "k8s.checks")]
    assert [path for path in applied if not path.startswith("http")] == checked


def test_manifests_beside_the_overlays_are_good():
    """Those that the page applies by themselves."""
    single = [
        path
        for arguments in PAGE.of("kubectl", "apply")
        for flag, path in zip(arguments, arguments[1:], strict=False)
        if flag == "-f" and not path.startswith("http")
    ]
    assert single == ["k8s/uploads.yaml"]
    objects = [Manifest(one) for one in YAML(typ="safe").load_all((ROOT / single[0]).read_text())]
    assert list(schemas.shapes(objects)) == []
    (binding,) = PAGE.of("kubectl", "create", "rolebinding")
    (role,) = objects
    assert (options(binding)["role"], options(binding)["namespace"]) == (role.name, role.namespace)


def kubectl_help(arguments: list[str]) -> str:
    """What kubectl says about a command, and about the options of all commands."""
    command = " ".join(arguments)
    verb = next((one for one in KUBECTL_SUBCOMMANDS if command.startswith(one)), arguments[0])
    if verb not in KUBECTL_PAGES:
        pages = [
            subprocess.run(["kubectl", *words], capture_output=True, text=True, check=True).stdout
            for words in ([*verb.split(), "--help"], ["options"])
        ]
        KUBECTL_PAGES[verb] = "".join(pages)
    return KUBECTL_PAGES[verb]


@pytest.mark.parametrize("arguments", PAGE.of("kubectl"), ids=" ".join)
def test_kubectl_commands(arguments):
    """The verb and every option exist; files that are named exist."""
    for option in options(arguments):
        assert f"--{option}=" in kubectl_help(arguments), option
    file = options(arguments).get("patch-file")
    assert file is None or (ROOT / file).is_file()


@pytest.mark.parametrize("arguments", PAGE.of("gcloud"), ids=lambda words: " ".join(words[:3]))
def test_gcloud_commands_are_well_formed(arguments):
    """Only the syntax and missing values: offline, no program here knows the options of gcloud."""
    for word in arguments:
        assert re.fullmatch(
            r"--[a-z]+(-[a-z0-9]+)*(=\S.*)?|[a-z][\w.@:/*-]*|\$\{[A-Z]+%%/\*\}", word
        ), word
    for word in arguments:
        assert not re.search(r"=$|,,|\s,|PROJECT|BUCKET", word), word


@pytest.mark.parametrize("arguments", PAGE.of("terraform"), ids=" ".join)
def test_terraform_commands(arguments):
    """The folder, files, variables, outputs and resources that they name exist."""
    folder, verb, *words = arguments
    assert ROOT / folder.removeprefix("-chdir=") == FOLDER
    assert verb in ("init", "workspace", "apply", "output", "destroy")
    for option, value in (word.split("=", 1) for word in words if "=" in word):
        if option == "-var-file":
            assert (FOLDER / value).is_file()
        elif option == "-var":
            assert value.partition("=")[0] in blocks("variable")
        else:
            assert option == "-target" and value in blocks("resource")
    if verb == "output":
        (name,) = set(" ".join(words).partition(" > ")[0].split()) - {"-raw"}
        assert name in blocks("output")


def test_the_page_names_the_bucket_and_cluster_that_terraform_makes():
    made = blocks("resource")
    bucket = made["google_storage_bucket.runs"]["name"].replace("${var.project}", "my-project")
    assert bucket == PAGE.exports["BUCKET"]
    (credentials,) = PAGE.of("gcloud", "container", "clusters", "get-credentials")
    assert credentials[0] == made["google_container_cluster.wordbrush"]["name"]
    assert options(credentials)["location"] == blocks("variable")["zone"]["default"]
    (account,) = local_values()["bucket_roles"].keys() - {"ml-pipeline-ui"}
    assert f"WORDBRUSH_KFP_SERVICE_ACCOUNT={account} " in PAGE.text


def test_kueues_settings_are_its_defaults_and_one_change():
    """Pods that never start give their quota back; the timeout leaves a GPU node time to start."""
    patch = YAML(typ="safe").load((ROOT / "k8s/kueue-settings.yaml").read_text())
    settings = YAML(typ="safe").load(patch["data"]["controller_manager_config.yaml"])
    assert settings["kind"] == "Configuration" and "pod" in settings["integrations"]["frameworks"]
    waiting = settings["waitForPodsReady"]
    minutes = int(waiting["timeout"].removesuffix("m"))
    assert minutes >= 20 and waiting["blockAdmission"] is False
    assert int(waiting["recoveryTimeout"].removesuffix("m")) < minutes
    (release,) = set(re.findall(r"/kueue/releases/download/v([\d.]+)/", PAGE.text))
    assert f"the defaults of Kueue {release}" in (ROOT / "k8s/kueue-settings.yaml").read_text()


def test_the_step_that_an_error_names_is_that_of_the_page():
    """An old server is refused with the step that installs a new one."""
    text = (ROOT / "src/wordbrush/kubeflow/server/backend.py").read_text()
    (step,) = re.findall(r"docs/cluster\.md, step (\d+)", text)
    assert f"\n## {step}. Install Kubeflow Pipelines" in PAGE.text


def test_other_pools_are_those_of_the_page(tmp_path):
    """The pages' sed commands write valid pools: one without spot, one with two GPUs a node."""
    shutil.copytree(ROOT / "k8s", tmp_path / "k8s")
    for line in PAGE.lines("sed"):
        subprocess.run(["bash", "-euc", line], cwd=tmp_path, check=True)
    for file, spot in (("on-demand.yaml", False), ("spot-only.yaml", "only")):
        assert {pool.spot for pool in load_pools(tmp_path / file).pools.values()} == {spot}
    two, one = (
        load_pools(path).of("train-gan")
        for path in (tmp_path / "two-gpus.yaml", ROOT / "k8s/pools.yaml")
    )
    assert two.accelerator.count == 2 and two.cpu != one.cpu and two.memory != one.memory


def test_workflow_defaults_name_our_priority():
    patch = YAML(typ="safe").load((ROOT / "k8s/workflow-defaults.yaml").read_text())
    defaults = YAML(typ="safe").load(patch["data"]["workflowDefaults"])["spec"]
    names = {one.name for one in build(ROOT / "k8s/base") if one.kind == "PriorityClass"}
    assert (
        defaults["podPriorityClassName"] in names
        and defaults["templateDefaults"]["retryStrategy"]["retryPolicy"] == "Always"
    )


def test_the_local_cluster_has_the_labels_of_its_pools():
    cluster = YAML(typ="safe").load((ROOT / "k8s/overlays/kind/cluster.yaml").read_text())
    labels = cluster["nodes"][0]["labels"]
    assert all(
        pool.node_selector.items() <= labels.items() and not pool.spot and not pool.accelerator
        for pool in load_pools(ROOT / "k8s/overlays/kind/pools.yaml").pools.values()
    )


def rows(heading: str) -> list[list[str]]:
    """The rows of the table whose header starts with this."""
    table = PAGE.text.partition(f"\n| {heading} |")[2].partition("\n\n")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]
    ]


def test_the_costs_add_up():
    prices = {
        kind.strip("`"): (float(on_demand), float(spot))
        for _, kind, on_demand, spot in rows("machine")[:2]
    }
    assert len(rows("preset")) == 3
    for preset, gpu, cpu, spot, on_demand in rows("preset"):
        assert preset == "demo" or (ROOT / f"presets/{preset}.yaml").is_file()
        for column, price in enumerate((on_demand, spot)):
            total = float(gpu) * prices["gpu"][column] + float(cpu) * prices["cpu"][column]
            assert float(price) == pytest.approx(total, abs=0.006)
    always, prose = float(rows("machine")[2][2]), " ".join(PAGE.text.split())
    assert (
        always == pytest.approx(0.10 + 2 * 0.135)
        and f"{always:.2f} × 24 = {always * 24:.2f} $" in prose
    )
    sums = re.findall(r"(0\.6 \+ [\d. +]+) = ([\d.]+) h", prose)
    assert [total for _, total in sums] == [
        gpu for preset, gpu, *_ in rows("preset") if preset != "demo"
    ]
    assert all(
        sum(map(float, terms.split(" + "))) == pytest.approx(float(total), abs=0.06)
        for terms, total in sums
    )
    quotients = re.findall(r"([\d,]+) / 10 / 3,600 = ([\d.]+) h", prose)
    assert len(quotients) == 2
    assert all(
        float(work.replace(",", "")) / 36000 == pytest.approx(float(hours), abs=0.06)
        for work, hours in quotients
    )


def test_the_prices_of_the_pools_are_those_of_the_page():
    text = (ROOT / "docs/cluster-costs.md").read_text()
    for name, pool in load_pools(ROOT / "k8s/pools.yaml").pools.items():
        (row,) = re.findall(rf"^\|[^|]+\| `{name}` \| ([\d.]+) \| ([\d.]+) \|$", text, re.MULTILINE)
        assert (pool.price_per_hour.on_demand, pool.price_per_hour.spot) == tuple(map(float, row))
