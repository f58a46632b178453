"""run_stage: code is checked, a failed stage leaves nothing, lost outputs are pushed again."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests.workspace import Workspace
from wordbrush.errors import WordbrushError
from wordbrush.versioning.environment import RemoteConfig
from wordbrush.versioning.finished import finished_lock
from wordbrush.versioning.keys import stage_keys
from wordbrush.versioning.locks import read_lock
from wordbrush.versioning.records import lost, marks, recorded_lock
from wordbrush.versioning.runs import flatten, run_stage
from wordbrush.versioning.workspace import scratch_workspace

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Workspace:
    return Workspace.create(tmp_path_factory.mktemp("project"), ROOT)


@pytest.fixture(scope="module")
def remote(tmp_path_factory) -> RemoteConfig:
    return RemoteConfig(str(tmp_path_factory.mktemp("remote")))


@pytest.fixture(scope="module")
def params(project) -> str:
    return (project.root / "params.yaml").read_text()


@pytest.fixture(scope="module")
def rendered(project, remote, params) -> str:
    """The lock of a finished render-scenes in the remote."""
    with run_stage("render-scenes", params, [], remote=remote, source=project.root) as run:
        assert {pointer.path for pointer in run.pointers} == {"data/scenes", "data/real_pairs"}
        assert all(Path(pointer.uri).is_file() for pointer in run.pointers)
        return run.lock


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_keys_follow_code(project, params, tmp_path):
    def keys(source: Path) -> dict[str, str]:
        with scratch_workspace(source, params, RemoteConfig("unused")) as repo:
            return stage_keys(repo)

    before = keys(project.root)
    assert keys(project.root) == before
    other = Workspace.create(tmp_path / "other", ROOT)
    code = other.root / "src/wordbrush/stages/cluster_units.py"
    code.write_text(code.read_text() + "\n# another line\n")
    after = keys(other.root)
    assert {name.partition("@")[0] for name in before if before[name] != after[name]} == {
        "cluster-units",
        "targeted-edits",
        "evaluate",
        "report",
    }


def test_a_stage_that_ran_is_fetched(project, remote, params, rendered, capfd):
    with run_stage("render-scenes", params, [], remote=remote, source=project.root) as run:
        assert run.lock == rendered
        assert (run.workspace / "data/scenes/images.npy").is_file()
    assert "Running stage" not in "".join(capfd.readouterr())


def test_other_code_is_refused(project, remote, params):
    with (
        pytest.raises(WordbrushError, match="not those that the pipeline was compiled from"),
        run_stage("render-scenes", params, [], key="0" * 64, remote=remote, source=project.root),
    ):
        pass


def test_an_unknown_stage_a_missing_remote_and_no_source_are_named(
    project, remote, params, tmp_path, monkeypatch
):
    monkeypatch.delenv("WORDBRUSH_REMOTE", raising=False)
    for arguments, word in (
        (dict(remote=remote, source=project.root), "not in dvc.yaml"),
        (dict(source=project.root), "WORDBRUSH_REMOTE"),
        (dict(remote=remote, source=tmp_path), "holds no dvc.yaml"),
    ):
        with pytest.raises(WordbrushError, match=word), run_stage("dream", params, [], **arguments):
            pass
    monkeypatch.setenv("WORDBRUSH_REMOTE", "somewhere")
    monkeypatch.setenv("WORDBRUSH_REMOTE_OPTIONS", "{")
    with pytest.raises(WordbrushError, match="WORDBRUSH_REMOTE_OPTIONS is not readable JSON"):
        RemoteConfig.from_environment()


def test_a_stage_that_fails_pushes_nothing(project, params, tmp_path):
    impossible = params.replace("min_distance: 0.25", "min_distance: 25.0")
    with (
        pytest.raises(WordbrushError, match="the stage render-scenes did not finish"),
        run_stage(
            "render-scenes",
            impossible,
            [],
            remote=RemoteConfig(str(tmp_path / "remote")),
            source=project.root,
        ),
    ):
        pass
    assert (
        not list((tmp_path / "remote").rglob("*.lock")) and not (tmp_path / "remote/files").exists()
    )


def test_without_its_inputs_a_stage_says_so(project, remote, params):
    with (
        pytest.raises(WordbrushError, match="the stage train-gan did not finish"),
        run_stage("train-gan", params, [], remote=remote, source=project.root),
    ):
        pass


def test_lost_objects_are_found_and_pushed_again(project, remote, params, rendered, tmp_path):
    own = RemoteConfig(str(tmp_path / "remote"))
    shutil.copytree(remote.url, own.url)
    with scratch_workspace(project.root, params, own) as repo:
        keys = {"render-scenes": stage_keys(repo)["render-scenes"]}
        assert recorded_lock(repo, keys["render-scenes"]) == rendered
        assert lost(repo, keys) == []
        mark = marks(repo, keys)
        assert marks(repo, keys) == mark
    listing = next(
        path for path in Path(own.url).rglob("*.dir") if len(json.loads(path.read_text())) == 4
    )
    child = json.loads(listing.read_text())[0]["md5"]
    (Path(own.url) / "files/md5" / child[:2] / child[2:]).unlink()
    with scratch_workspace(project.root, params, own) as repo:
        assert lost(repo, keys) == ["render-scenes"]
        assert marks(repo, keys) != mark
    with run_stage("render-scenes", params, [], remote=own, source=project.root):
        pass
    with scratch_workspace(project.root, params, own) as repo:
        assert lost(repo, keys) == []


def test_a_finished_run_is_known_by_the_key_of_its_last_stage(
    project, remote, params, rendered, tmp_path
):
    own, stage = RemoteConfig(str(tmp_path / "remote")), "render-scenes"
    shutil.copytree(remote.url, own.url)
    with scratch_workspace(project.root, params, own) as repo:
        key = stage_keys(repo)[stage]

    def known(key: str = key, params: str = params) -> str | None:
        return finished_lock(stage, params, key, own, project.root)

    assert known() == rendered
    other = params.replace("count: 64", "count: 63")
    assert other != params
    with pytest.raises(WordbrushError, match="not those that the pipeline was compiled from"):
        known(params=other)
    with scratch_workspace(project.root, other, own) as repo:
        assert known(stage_keys(repo)[stage], other) is None
    lost_object = next(path for path in Path(own.url).rglob("files/md5/*/*"))
    lost_object.unlink()
    assert known() is None


def test_a_damaged_input_is_not_used(project, remote, params, rendered, tmp_path):
    own = RemoteConfig(str(tmp_path / "remote"))
    shutil.copytree(remote.url, own.url)
    for path in (Path(own.url) / "files").rglob("*"):
        if path.is_file() and not path.name.endswith(".dir"):
            path.chmod(0o644)
            path.write_bytes(b"damaged")
    with (
        pytest.raises(WordbrushError, match="train-segmenter"),
        run_stage(
            "train-segmenter",
            params,
            [write(tmp_path / "lock", rendered)],
            remote=own,
            source=project.root,
        ),
    ):
        pass


def test_a_listing_that_leaves_its_folder_is_refused(project, remote, params, rendered, tmp_path):
    """DVC itself would write there. The listing's hash is right, as in a forged lock."""
    own = RemoteConfig(str(tmp_path / "remote"))
    shutil.copytree(remote.url, own.url)
    objects = Path(own.url) / "files/md5"
    md5 = next(
        out["md5"]
        for out in read_lock(write(tmp_path / "lock", rendered))["stages"]["render-scenes"]["outs"]
        if out["path"] == "data/scenes"
    )
    listing = json.loads((objects / md5[:2] / md5[2:]).read_text())
    content = json.dumps([*listing, {**listing[0], "relpath": "../../../escaped"}]).encode()
    forged = f"{hashlib.md5(content, usedforsecurity=False).hexdigest()}.dir"
    (objects / forged[:2]).mkdir(exist_ok=True)
    (objects / forged[:2] / forged[2:]).write_bytes(content)
    lock = write(tmp_path / "forged.lock", rendered.replace(md5, forged))
    with (
        pytest.raises(WordbrushError, match=r"escaped.*outside"),
        run_stage("train-segmenter", params, [lock], remote=own, source=project.root),
    ):
        pass
    assert not list(tmp_path.parent.glob("**/escaped"))


def test_only_numbers_are_kept():
    assert flatten({"a": {"b": 1, "c": "x"}, "d": 2.5, "e": None, "f": True}) == {
        "a.b": 1,
        "d": 2.5,
    }


def test_a_bucket_is_a_remote_too(project, params, bucket_server, monkeypatch):
    """A stage leaves outputs and lock in a bucket (an emulator); a second run fetches them."""
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    options = {"endpointurl": bucket_server, "allow_anonymous_login": "true", "projectname": "test"}
    remote = RemoteConfig("gs://wordbrush/dvc", options)
    with run_stage("render-scenes", params, [], remote=remote, source=project.root) as run:
        assert all(
            pointer.uri.startswith("gs://wordbrush/dvc/files/md5/") for pointer in run.pointers
        )
    with scratch_workspace(project.root, params, remote) as repo:
        key = stage_keys(repo)["render-scenes"]
        assert recorded_lock(repo, key) == run.lock
        assert lost(repo, {"render-scenes": key}) == []
    with run_stage("render-scenes", params, [], remote=remote, source=project.root) as again:
        assert again.lock == run.lock
