"""Stages that share a pod, run in fact: the hashes are the same, and a retry repeats no stage."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from ruamel.yaml import YAML

from components import all_components
from tests.conftest import ROOT
from tests.kfp_server import pipeline
from tests.workspace import Workspace
from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.compiler.dag import lock_inputs, own_inputs
from wordbrush.kubeflow.compiler.groups import group_component, identifier
from wordbrush.kubeflow.compiler.plan import make_plan
from wordbrush.storage.yaml import read_yaml

pytestmark = pytest.mark.runs

POOLS = ROOT / "k8s/pools.yaml"
HARD = ("pretrain-davenet", "random-edits", "cluster-units", "targeted-edits")
yaml = YAML(typ="safe")


def remote_without(finished: Workspace, missing: list[str], folder: Path) -> Path:
    """A remote that has all of a finished run but these stages, as if they had never run."""
    laptop = Workspace(shutil.copytree(finished.root, folder / "laptop", symlinks=True))
    commands = {read_yaml(laptop.root / "dvc.lock")["stages"][one]["cmd"] for one in missing}
    for run in (laptop.root / ".dvc/cache/runs").glob("*/*/*"):
        if read_yaml(run)["cmd"] in commands:
            run.unlink()
    laptop.run("dvc", "remote", "add", "-d", "shared", str(folder / "remote"))
    others = [one for one in read_yaml(laptop.root / "dvc.lock")["stages"] if one not in missing]
    laptop.run("dvc", "push", "--run-cache", *others)
    return folder / "remote"


def outputs(lock: Path, address: str) -> set[str]:
    return {one["md5"] for one in read_yaml(lock)["stages"][address]["outs"]}


def held(remote: Path, md5: str) -> bool:
    return (remote / "files/md5" / md5[:2] / md5[2:]).is_file()


def test_a_run_with_groups_ends_with_the_same_lock(finished, tmp_path):
    """All stages of hard negatives run in one task of kfp's local runner; others are fetched."""
    group = [f"{stage}@hard" for stage in HARD]
    remote = remote_without(finished, group, tmp_path)
    lock = finished.root / "dvc.lock"
    made = set().union(*(outputs(lock, one) for one in group))
    assert not any(held(remote, md5) for md5 in made)
    pools = tmp_path / "pools.yaml"
    pictures = "[train-gan, train-segmenter, sample-images]"
    pools.write_text(
        f"{POOLS.read_text()}\ngroups: {{pictures: {pictures}, hard: [{', '.join(group)}]}}\n"
    )
    done = pipeline(
        *("run", "--preset", "tiny", "--pools", str(pools), "--remote", str(remote)),
        cwd=tmp_path,
        WORDBRUSH_CACHE=str(tmp_path / "cache"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ours = read_yaml(tmp_path / ".wordbrush/kfp/dvc.lock")["stages"]
    assert ours == read_yaml(lock)["stages"] and len(ours) == 17
    assert all(held(remote, md5) for md5 in made)
    (folder,) = (tmp_path / ".wordbrush/kfp/outputs").glob("wordbrush-*")
    pages = sorted(path.name for path in (folder / "group-hard").glob("*_page"))
    assert pages == sorted(f"{identifier(one)}_page" for one in group)


def artifacts(function: Any, folder: Path, lock: Path) -> dict[str, Any]:
    """What kfp's executor hands to a function: the lock for inputs, empty files for outputs."""
    kinds = {name: str(kind) for name, kind in function.__annotations__.items() if kind is not str}
    return {
        name: dsl.Artifact(name=name, uri=str(folder / name if "Output" in kind else lock))
        for name, kind in kinds.items()
    }


def test_a_retry_of_a_group_repeats_no_finished_stage(finished, tmp_path, monkeypatch, caplog):
    plan = make_plan(ROOT, "tiny", "image:1", POOLS)
    group = ["random-edits@hard", "cluster-units@hard"]
    monkeypatch.setenv("WORDBRUSH_SOURCE", str(finished.root))
    monkeypatch.setenv("WORDBRUSH_REMOTE", str(remote_without(finished, group, tmp_path)))
    monkeypatch.setenv("WORDBRUSH_CACHE", str(tmp_path / "cache"))
    components = all_components()
    inputs = {one: lock_inputs(one, plan.edges[one], components) for one in group}
    own = {one: components[one.partition("@")[0]] for one in group}
    made = group_component("end", "image:1", own, inputs)
    function = made.component.python_func
    lock = tmp_path / "before.lock"
    earlier = read_yaml(finished.root / "dvc.lock")
    late = (*group, "targeted-edits@hard", "evaluate", "report")
    earlier["stages"] = {one: entry for one, entry in earlier["stages"].items() if one not in late}
    with lock.open("wb") as out:
        yaml.dump(earlier, out)
    given = {
        made.names[one, parameter]: value
        for one in group
        for parameter, value in own_inputs(one, plan).items()
    }

    def ran() -> list[str]:
        found = [re.findall("^Running stage '(.+)':", message) for message in caplog.messages]
        caplog.clear()
        return [address for addresses in found for address in addresses]

    first = artifacts(function, tmp_path / "first", lock)
    with pytest.raises(WordbrushError, match="cluster-units@hard here are not those"):
        function(**first, **given | {"cluster_units_hard_key": "0" * 64})
    assert ran() == group[:1]
    function(**artifacts(function, tmp_path / "made", lock), **given)
    assert ran() == group[1:]
    wanted = read_yaml(finished.root / "dvc.lock")["stages"]
    ours = read_yaml(tmp_path / "made/cluster_units_hard_lock")["stages"]
    assert all(ours[one] == wanted[one] for one in group)
