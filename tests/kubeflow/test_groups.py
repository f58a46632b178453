"""Stages that share a pod: the compiled pipeline, and the groups that are refused."""

import re
import shutil
import subprocess
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components import all_components
from tests.conftest import ROOT
from tests.kfp_server import Compiled
from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.compiler.dag import write_pipeline
from wordbrush.kubeflow.compiler.groups import check_groups, identifier, in_order
from wordbrush.kubeflow.compiler.plan import Plan, make_plan
from wordbrush.kubeflow.compiler.pools import STAGE_LABEL, load_pools
from wordbrush.kubeflow.server.client import key_of

POOLS = ROOT / "k8s/pools.yaml"
STEPS = ("pretrain-davenet", "random-edits", "cluster-units", "targeted-edits")
GROUPS = {
    "pictures": ["train-gan", "train-segmenter", "sample-images"],
    # not in the order in which they run
    "davenet-hard": [f"{stage}@hard" for stage in reversed(STEPS)],
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(ROOT, "tiny", "image:1", POOLS)


def grouped(plan: Plan, **changes: object) -> Plan:
    return replace(plan, pools=plan.pools.model_copy(update={"groups": GROUPS, **changes}))


def compile_to(target: Path, plan: Plan) -> Compiled:
    write_pipeline(plan, all_components(), target)
    return Compiled.read(target)


@pytest.fixture(scope="module")
def apart(plan, tmp_path_factory) -> Compiled:
    return compile_to(tmp_path_factory.mktemp("apart") / "pipeline.yaml", plan)


@pytest.fixture(scope="module")
def together(plan, tmp_path_factory) -> Compiled:
    return compile_to(tmp_path_factory.mktemp("together") / "pipeline.yaml", grouped(plan))


def task_of(address: str) -> str:
    return next((name for name, members in GROUPS.items() if address in members), address)


def test_the_edges_are_those_of_dvc_between_the_groups(plan, together):
    wanted: dict[str, set[str]] = {}
    for address, upstream in plan.edges.items():
        own = task_of(address)
        wanted.setdefault(own, set()).update({task_of(one) for one in upstream} - {own})
    assert {name: set(before) for name, before in together.edges.items()} == wanted
    assert len(together.tasks) == 17 - 2 - 3


def test_a_lock_from_outside_is_one_input_however_many_stages_read_it(together):
    inputs = together.tasks["davenet-hard"]["inputs"]["artifacts"]
    sources = {name: one["taskOutputArtifact"]["outputArtifactKey"] for name, one in inputs.items()}
    assert sources == {
        "sample_images": "sample_images_lock",  # of the group `pictures`
        "train_gan": "train_gan_lock",
        "synthesize_captions": "lock",  # of stages alone
        "speak_edits": "lock",
    }


def test_stages_run_in_their_order_and_each_reads_the_locks_of_those_before(together):
    source = "\n".join(together.container("davenet-hard")["command"])
    calls = re.findall(r"^    (\w+)\((params=.*)\)$", source, re.MULTILINE)
    assert [name for name, _ in calls] == [identifier(stage) for stage in STEPS]
    assert "random_edits=random_edits_hard_lock" in calls[-1][1]
    assert "cluster_units=cluster_units_hard_lock" in calls[-1][1]


def test_a_group_has_all_outputs_of_its_stages(apart, together):
    def outputs(compiled: Compiled, name: str) -> dict[str, str]:
        component = compiled.spec["components"][compiled.tasks[name]["componentRef"]["name"]]
        return {
            output: one["artifactType"]["schemaTitle"]
            for output, one in component["outputDefinitions"]["artifacts"].items()
        }

    for group, members in GROUPS.items():
        assert outputs(together, group) == {
            f"{identifier(address)}_{name}": kind
            for address in members
            for name, kind in outputs(apart, address).items()
        }


def test_a_group_has_the_pod_of_its_stages(apart, together):
    for group, members in GROUPS.items():
        for address in members:
            pods = deepcopy([together.kubernetes(group), apart.kubernetes(address)])
            labels = [pod["podMetadata"]["labels"].pop(STAGE_LABEL) for pod in pods]
            assert pods[0] == pods[1] and labels == [group, address.replace("@", ".")]
            ours, theirs = together.container(group), apart.container(address)
            for name in ("image", "resources"):
                assert ours[name] == theirs[name]
            policy = "retryPolicy"
            assert together.tasks[group][policy] == apart.tasks[address][policy]


def test_a_group_is_given_the_key_of_each_stage(plan, together):
    for group, members in GROUPS.items():
        given = together.tasks[group]["inputs"]["parameters"]
        for address in members:
            key = given[f"{identifier(address)}_key"]["runtimeValue"]["constant"]
            assert key == plan.keys[address]


@pytest.mark.parametrize("change", ["keys", "marks"])
@pytest.mark.parametrize("address", ["pretrain-davenet@hard", "targeted-edits@hard"])
def test_kfps_cache_tells_groups_apart_by_each_of_their_stages(
    plan, together, tmp_path, change, address
):
    other = replace(plan, **{change: getattr(plan, change) | {address: "0" * 64}})
    after = compile_to(tmp_path / "after.yaml", grouped(other))
    changed = {name for name in after.tasks if after.tasks[name] != together.tasks[name]}
    assert changed == {"davenet-hard"}


def test_the_key_of_report_is_found_in_its_group(plan, tmp_path):
    one_pool = dict.fromkeys(plan.pools.stages, "gpu")
    planned = grouped(plan, groups={"end": ["evaluate", "report"]}, stages=one_pool)
    closing = compile_to(tmp_path / "pipeline.yaml", replace(planned, gate=True))
    assert closing.edges["promote"] == ["end"]
    assert key_of(closing.spec, "report") == plan.keys["report"]
    with pytest.raises(KeyError):
        key_of(closing.spec, "train-gun")


def test_without_groups_each_stage_is_a_task(plan):
    assert list(in_order(plan.edges, {}).values()) == [[name] for name in in_order(plan.edges, {})]


def read(folder: Path, groups: str, plan: Plan) -> None:
    """Read pools with these groups as `pipeline.py` does."""
    path = folder / "pools.yaml"
    path.write_text(f"{POOLS.read_text()}\ngroups:\n{groups}")
    check_groups(load_pools(path), plan.edges, path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  a: [train-gan, train-gun]", ("a: there is no stage train-gun", "train-segmenter")),
        ("  a: [random-edits, train-gan]", ("no stage random-edits;", "random-edits@hard")),
        ("  a: [report, promote]", ("no stage promote",)),
        ("  a: [train-gan, train-gan]", ("train-gan stands twice, in a and a",)),
        (
            "  a: [train-gan, sample-images]\n  b: [train-segmenter, train-gan]",
            ("train-gan stands twice, in a and b",),
        ),
        (
            "  a: [sample-images, synthesize-captions]",
            ("a is one pod", "sample-images in gpu, synthesize-captions in cpu"),
        ),
        (
            "  a: [sample-images, pretrain-davenet@hard]",
            ("wait for each other: ", "a → synthesize-captions → a", "divide it"),
        ),
        ("  train-gan: [train-gan, sample-images]", ("train-gan is the name of a stage",)),
        ("  a: [train-gan]", ("groups.a: List should have at least 2 items",)),
        ("  My Group: [train-gan, sample-images]", ("groups.My Group",)),
        ("  a: train-gan", ("groups.a: Input should be a valid list",)),
    ],
)
def test_groups_that_no_pipeline_can_have_are_one_sentence(plan, tmp_path, text, words):
    with pytest.raises(WordbrushError) as caught:
        read(tmp_path, text, plan)
    said = str(caught.value)
    assert said.startswith(str(tmp_path / "pools.yaml")) and len(said.splitlines()) == 1
    for word in words:
        assert word in said


def test_two_groups_that_wait_for_each_other_are_refused(plan, tmp_path):
    """Each alone would do."""
    one = "  a: [pretrain-davenet@hard, random-edits@random]"
    other = "  b: [pretrain-davenet@random, random-edits@hard]"
    for text in (one, other):
        read(tmp_path, text, plan)
    with pytest.raises(WordbrushError, match=r"other: (a → b → a|b → a → b)\."):
        read(tmp_path, f"{one}\n{other}", plan)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Stages s0, s1, … of which each reads from earlier ones, and some of them in groups."""
    count = draw(st.integers(2, 9))
    names = [f"s{index}" for index in range(count)]
    edges = {
        name: draw(st.lists(st.sampled_from(names[:index]), unique=True)) if index else []
        for index, name in enumerate(names)
    }
    group_of = draw(st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=count, max_size=count))
    groups = {
        group: [name for name, own in zip(names, group_of, strict=True) if own == group]
        for group in sorted(set(group_of) - {""})
    }
    # dvc.yaml may name them in any order
    return {name: edges[name] for name in draw(st.permutations(names))}, groups


@settings(derandomize=True, deadline=None, max_examples=300)
@given(graphs())
def test_groups_are_refused_where_their_tasks_have_a_cycle_and_else_run_in_order(plan, case):
    edges, groups = case
    task = {address: address for address in edges}
    task |= {address: name for name, members in groups.items() for address in members}
    graph = networkx.DiGraph(
        (task[one], task[address])
        for address, upstream in edges.items()
        for one in upstream
        if task[one] != task[address]
    )
    pools = plan.pools.model_copy(update={"groups": groups, "stages": dict.fromkeys(edges, "gpu")})
    if not networkx.is_directed_acyclic_graph(graph):
        with pytest.raises(WordbrushError, match="wait for each other"):
            check_groups(pools, edges, POOLS)
        return
    check_groups(pools, edges, POOLS)
    tasks = in_order(edges, groups)
    run = [address for members in tasks.values() for address in members]
    assert sorted(run) == sorted(edges)
    assert {name: sorted(members) for name, members in tasks.items() if name in groups} == {
        name: sorted(members) for name, members in groups.items()
    }
    for address, upstream in edges.items():
        assert all(run.index(one) < run.index(address) for one in upstream)


def test_the_documented_command_turns_on_groups_that_spare_six_gpu_pods(tmp_path, plan):
    pages = (ROOT / "docs/cluster-costs.md").read_text()
    (command,) = re.findall(r"^sed .* > grouped.yaml$", pages, re.MULTILINE)
    (tmp_path / "k8s").mkdir()
    shutil.copy(POOLS, tmp_path / "k8s/pools.yaml")
    subprocess.run(["sh", "-ec", command], cwd=tmp_path, check=True)
    offered = make_plan(ROOT, "tiny", "image:1", tmp_path / "grouped.yaml")
    assert offered.pools.model_copy(update={"groups": {}}) == plan.pools

    def pods(one: Plan) -> int:
        tasks = in_order(one.edges, one.pools.groups).values()
        return sum(one.pools.stages[stages[0].partition("@")[0]] == "gpu" for stages in tasks)

    assert (pods(plan), pods(offered)) == (12, 6)
