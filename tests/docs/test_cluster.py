"""The pages on clusters: commands parse, overlays build, node pools match k8s/pools.yaml."""

import re
import shutil
import subprocess
from pathlib import Path

import pipeline
import pytest
import typer
from dvc.cli import DvcParserError
from dvc.cli.parser import get_main_parser
from ruamel.yaml import YAML

from k8s.checks.__main__ import app as checks
from k8s.checks.cluster import needs
from k8s.checks.manifests import build
from k8s.checks.schemas import quantity
from tests.docs.commands import Page, options, parses_in_bash
from tests.k8s.overlays import copied
from wordbrush import cli
from wordbrush.kubeflow.pools import SETTINGS, load_pools
from wordbrush.kubeflow.schedules import check_cron

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).resolve().parents[2]
PAGES = ("cluster", "cluster-costs", "cluster-troubleshooting", "kind")
PAGE = Page.read(*(ROOT / f"docs/{name}.md" for name in PAGES))
POOLS = load_pools(ROOT / "k8s/pools.yaml")
NODE_POOLS = {
    arguments[0]: options(arguments)
    for arguments in PAGE.of("gcloud", "container", "node-pools", "create")
}
# Cores, GiB of memory.
MACHINES = {"g2-standard-8": (8, 32), "e2-standard-8": (8, 32), "e2-standard-4": (4, 16)}
TOOLS = {
    "gcloud",
    "kubectl",
    "helm",
    "kind",
    "docker",
    "git",
    "printf",
    "sed",
    "gcp-storage-emulator",
}
# Checked by test_other_pools_are_those_of_the_page.
MADE_POOLS = {arguments[-1] for arguments in PAGE.of("sed")}
KUBECTL_PAGES: dict[str, str] = {}


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


def parses(app: typer.Typer, arguments: list[str]) -> None:
    """The command's own parser accepts the arguments, types included; nothing runs."""
    command = typer.main.get_command(app)
    if isinstance(command, typer.core.TyperGroup):
        verb, *arguments = arguments
        assert verb in command.commands, f"there is no verb {verb}"
        command = command.commands[verb]
    command.make_context("command", list(arguments))


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
def test_overlays_that_are_checked_build(arguments):
    parses(checks, arguments)
    assert build(ROOT / arguments[0])


def test_overlays_that_are_applied_are_checked_before():
    applied = [arguments[1] for arguments in PAGE.of("kubectl", "apply") if arguments[0] == "-k"]
    checked = [path for (path,) in PAGE.of("python", "-m", "k8s.checks")]
    assert [path for path in applied if not path.startswith("http")] == checked


def kubectl_help(verb: str) -> str:
    """What kubectl says about a command, and about the options of all commands."""
    if verb not in KUBECTL_PAGES:
        pages = [
            subprocess.run(["kubectl", *words], capture_output=True, text=True, check=True).stdout
            for words in ([verb, "--help"], ["options"])
        ]
        KUBECTL_PAGES[verb] = "".join(pages)
    return KUBECTL_PAGES[verb]


@pytest.mark.parametrize("arguments", PAGE.of("kubectl"), ids=" ".join)
def test_kubectl_commands(arguments):
    """The verb and every option exist; files that are named exist."""
    for option in options(arguments):
        assert f"--{option}=" in kubectl_help(arguments[0]), option
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


def test_the_settings_are_written_as_the_overlay_reads_them(tmp_path):
    """The page's own printf, run by bash."""
    tree = copied(tmp_path)
    (line,) = PAGE.lines("printf")
    subprocess.run(
        ["bash", "-euc", f"PROJECT=acme BUCKET=acme-data; {line}"], cwd=tmp_path, check=True
    )
    made = {str(one): one.data for one in build(tree / "overlays/gke")}
    account = made["ServiceAccount wordbrush"]["metadata"]["annotations"][
        "iam.gke.io/gcp-service-account"
    ]
    assert (
        account == "wordbrush@acme.iam.gserviceaccount.com"
        and made[f"ConfigMap {SETTINGS}"]["data"]["remote"] == "gs://acme-data/dvc"
    )


def test_the_accounts_are_those_of_the_manifests():
    """One account: Workload Identity binds it, the manifests create it, `submit` names it."""
    (binding,) = PAGE.of("gcloud", "iam", "service-accounts", "add-iam-policy-binding")
    made = {(one.kind, one.namespace, one.name) for one in build(ROOT / "k8s/overlays/gke")}
    (space, account) = re.search(
        r"svc\.id\.goog\[(.+)/(.+)\]$", options(binding)["member"]
    ).groups()
    assert ("ServiceAccount", space, account) in made
    assert f"WORDBRUSH_KFP_SERVICE_ACCOUNT={account} " in PAGE.text
    created = {arguments[0] for arguments in PAGE.of("gcloud", "iam", "service-accounts", "create")}
    assert created == {account, "wordbrush-nodes"}


def test_other_pools_are_those_of_the_page(tmp_path):
    """The pages' sed commands write valid pools: one without spot, one with two GPUs a node."""
    shutil.copytree(ROOT / "k8s", tmp_path / "k8s")
    for line in PAGE.lines("sed"):
        subprocess.run(["bash", "-euc", line], cwd=tmp_path, check=True)
    assert not any(pool.spot for pool in load_pools(tmp_path / "on-demand.yaml").pools.values())
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


@pytest.mark.parametrize("name", POOLS.pools)
@pytest.mark.parametrize("spot", [True, False])
def test_node_pools_are_those_of_the_stages(name, spot):
    """Each pool has a spot and an on-demand node pool whose labels, taints and sizes fit it."""
    pool = POOLS.pools[name]
    labels = pool.node_selector | (POOLS.spot.node_selector if spot else {})
    tolerated = {
        one.key: one.value for one in pool.tolerations + (POOLS.spot.tolerations if spot else [])
    }
    (node,) = (one for one in NODE_POOLS.values() if _labels(one) == labels)
    taints = [
        re.fullmatch(r"(.+)=(.+):(\w+)", taint).groups()
        for taint in node.get("node-taints", "").split(",")
        if taint
    ]
    assert {key for key, _, _ in taints} == set(tolerated)
    assert all(
        tolerated[key] in (None, value) and effect == "NoSchedule" for key, value, effect in taints
    )
    wanted = f"count={pool.accelerator.count}" if pool.accelerator else ""
    assert wanted in node.get("accelerator", "") and bool(wanted) == ("accelerator" in node)
    assert (node["num-nodes"], node["min-nodes"]) == ("0", "0") and "enable-autoscaling" in node
    cores, memory = allocatable(node["machine-type"])
    assert needs(pool)["cpu"] < cores and needs(pool)["memory"] < memory
    assert (
        int(node["max-nodes"]) * (cores // needs(pool)["cpu"])
        >= admitted(name, spot, "cpu") // needs(pool)["cpu"]
    )
    assert (quantity(pool.scratch) or 0) < free_disk(int(node["disk-size"]))
    if pool.accelerator:
        assert int(node["max-nodes"]) * pool.accelerator.count == admitted(
            name, spot, pool.accelerator.type
        )


def _labels(node: dict[str, str]) -> dict[str, str]:
    given = dict(label.split("=") for label in node["node-labels"].split(","))
    return given | ({"cloud.google.com/gke-spot": "true"} if "spot" in node else {})


def free_disk(gib: int) -> float:
    """Bytes of a disk that GKE leaves for pods and images, by its documented reservations."""
    return (0.9 * gib - min(0.5 * gib, 6 + 0.35 * gib, 100)) * 2**30


def allocatable(machine: str) -> tuple[float, float]:
    """What GKE leaves for pods: cores, and bytes of memory (by its documented reservations)."""
    cores, gib = MACHINES[machine]
    reserved = sum(
        share * min(max(cores - start, 0), width)
        for share, start, width in ((0.06, 0, 1), (0.01, 1, 1), (0.005, 2, 2), (0.0025, 4, 999))
    )
    kept = 0.1 + sum(
        share * min(max(gib - start, 0), width)
        for share, start, width in ((0.25, 0, 4), (0.2, 4, 4), (0.1, 8, 8), (0.06, 16, 112))
    )
    return cores - reserved, (gib - kept) * 2**30


def admitted(name: str, spot: bool, resource: str) -> float:
    """What Kueue's queue admits of a resource on these nodes."""
    (queue,) = (one for one in build(ROOT / "k8s/overlays/gke") if one.kind == "ClusterQueue")
    (flavor,) = (
        one
        for one in queue.spec["resourceGroups"][0]["flavors"]
        if one["name"] == f"wordbrush-{name}{'-spot' * spot}"
    )
    return (
        quantity({one["name"]: one["nominalQuota"] for one in flavor["resources"]}[resource]) or 0
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
