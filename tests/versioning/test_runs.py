"""run_stage: locks are merged or refused, code is checked, what failed leaves nothing, what was lost is found and healed."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests.workspace import Workspace
from wordbrush.errors import WordbrushError
from wordbrush.versioning.runs import (
    Storage,
    flatten,
    lost,
    marks,
    merge_locks,
    read_lock,
    recorded_lock,
    run_stage,
    scratch_workspace,
    stage_keys,
)

ROOT = Path(__file__).resolve().parents[2]
LOCK = "schema: '2.0'\nstages:\n  one:\n    cmd: echo\n    outs:\n    - path: a\n      md5: {md5}\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Workspace:
    return Workspace.create(tmp_path_factory.mktemp("project"), ROOT)


@pytest.fixture(scope="module")
def storage(tmp_path_factory) -> Storage:
    return Storage(str(tmp_path_factory.mktemp("remote")))


@pytest.fixture(scope="module")
def params(project) -> str:
    return (project.root / "params.yaml").read_text()


@pytest.fixture(scope="module")
def rendered(project, storage, params) -> str:
    """The lock of a finished render-scenes in the remote."""
    with run_stage("render-scenes", params, [], storage=storage, source=project.root) as run:
        assert {pointer.path for pointer in run.pointers} == {"data/scenes", "data/real_pairs"}
        assert all(Path(pointer.uri).is_file() for pointer in run.pointers)
        return run.lock


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_locks_merge(tmp_path):
    first = write(tmp_path / "1", LOCK.format(md5="x"))
    second = write(tmp_path / "2", LOCK.format(md5="x").replace("one", "two"))
    assert list(merge_locks([first, second, first])["stages"]) == ["one", "two"]


def test_locks_that_disagree_name_the_stage_and_the_field(tmp_path):
    with pytest.raises(WordbrushError, match=r"disagree about the stage one \(outs\)"):
        merge_locks(
            [
                write(tmp_path / "1", LOCK.format(md5="x")),
                write(tmp_path / "2", LOCK.format(md5="y")),
            ]
        )


@pytest.mark.parametrize("text", ["stages: [", "- 1", "schema: '1.0'\nstages: {}\n", ""])
def test_what_is_no_lock_is_named(tmp_path, text):
    with pytest.raises(WordbrushError, match=r"dvc\.lock"):
        merge_locks([write(tmp_path / "broken", text)])
    with pytest.raises(WordbrushError, match="is missing"):
        merge_locks([tmp_path / "nowhere"])


def test_keys_follow_code(project, params, tmp_path):
    def keys(source: Path) -> dict[str, str]:
        with scratch_workspace(source, params, Storage("unused")) as repo:
            return stage_keys(repo)

    before = keys(project.root)
    assert keys(project.root) == before
    other = Workspace.create(tmp_path / "other", ROOT)
    code = other.root / "src/wordbrush/concepts/clusters.py"
    code.write_text(code.read_text() + "\n# another line\n")
    after = keys(other.root)
    assert {name.partition("@")[0] for name in before if before[name] != after[name]} == {
        "cluster-units",
        "targeted-edits",
        "evaluate",
        "report",
    }


def test_a_stage_that_ran_is_fetched(project, storage, params, rendered, capfd):
    with run_stage("render-scenes", params, [], storage=storage, source=project.root) as run:
        assert run.lock == rendered
        assert (run.workspace / "data/scenes/images.npy").is_file()
    assert "Running stage" not in "".join(capfd.readouterr())


def test_other_code_is_refused(project, storage, params):
    with (
        pytest.raises(WordbrushError, match="not those that the pipeline was compiled from"),
        run_stage("render-scenes", params, [], key="0" * 64, storage=storage, source=project.root),
    ):
        pass


def test_an_unknown_stage_a_missing_remote_and_no_source_are_named(
    project, storage, params, tmp_path, monkeypatch
):
    monkeypatch.delenv("WORDBRUSH_REMOTE", raising=False)
    for arguments, word in (
        (dict(storage=storage, source=project.root), "not in dvc.yaml"),
        (dict(source=project.root), "WORDBRUSH_REMOTE"),
        (dict(storage=storage, source=tmp_path), "holds no dvc.yaml"),
    ):
        with pytest.raises(WordbrushError, match=word), run_stage("dream", params, [], **arguments):
            pass
    monkeypatch.setenv("WORDBRUSH_REMOTE", "somewhere")
    monkeypatch.setenv("WORDBRUSH_REMOTE_OPTIONS", "{")
    with pytest.raises(WordbrushError, match="WORDBRUSH_REMOTE_OPTIONS is not JSON"):
        Storage.from_environment()


def test_a_stage_that_fails_pushes_nothing(project, params, tmp_path):
    impossible = params.replace("min_distance: 0.25", "min_distance: 25.0")
    with (
        pytest.raises(WordbrushError, match="the stage render-scenes did not finish"),
        run_stage(
            "render-scenes",
            impossible,
            [],
            storage=Storage(str(tmp_path / "remote")),
            source=project.root,
        ),
    ):
        pass
    assert (
        not list((tmp_path / "remote").rglob("*.lock")) and not (tmp_path / "remote/files").exists()
    )


def test_without_its_inputs_a_stage_says_so(project, storage, params):
    with (
        pytest.raises(WordbrushError, match="the stage train-gan did not finish"),
        run_stage("train-gan", params, [], storage=storage, source=project.root),
    ):
        pass


def test_lost_objects_are_found_and_pushed_again(project, storage, params, rendered, tmp_path):
    own = Storage(str(tmp_path / "remote"))
    shutil.copytree(storage.remote, own.remote)
    with scratch_workspace(project.root, params, own) as repo:
        keys = {"render-scenes": stage_keys(repo)["render-scenes"]}
        assert recorded_lock(repo, keys["render-scenes"]) == rendered
        assert lost(repo, keys) == []
        mark = marks(repo, keys)
        assert marks(repo, keys) == mark
    listing = next(
        path for path in Path(own.remote).rglob("*.dir") if len(json.loads(path.read_text())) == 4
    )
    child = json.loads(listing.read_text())[0]["md5"]
    (Path(own.remote) / "files/md5" / child[:2] / child[2:]).unlink()
    with scratch_workspace(project.root, params, own) as repo:
        assert lost(repo, keys) == ["render-scenes"]
        assert marks(repo, keys) != mark
    with run_stage("render-scenes", params, [], storage=own, source=project.root):
        pass
    with scratch_workspace(project.root, params, own) as repo:
        assert lost(repo, keys) == []


def test_a_damaged_input_is_not_used(project, storage, params, rendered, tmp_path):
    own = Storage(str(tmp_path / "remote"))
    shutil.copytree(storage.remote, own.remote)
    for path in (Path(own.remote) / "files").rglob("*"):
        if path.is_file() and not path.name.endswith(".dir"):
            path.chmod(0o644)
            path.write_bytes(b"damaged")
    with (
        pytest.raises(WordbrushError, match="train-segmenter"),
        run_stage(
            "train-segmenter",
            params,
            [write(tmp_path / "lock", rendered)],
            storage=own,
            source=project.root,
        ),
    ):
        pass


def test_a_listing_that_leaves_its_folder_is_refused(project, storage, params, rendered, tmp_path):
    """DVC itself would write there. The listing's hash is right, as the lock of whoever made it would have it."""
    own = Storage(str(tmp_path / "remote"))
    shutil.copytree(storage.remote, own.remote)
    objects = Path(own.remote) / "files/md5"
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
        run_stage("train-segmenter", params, [lock], storage=own, source=project.root),
    ):
        pass
    assert not list(tmp_path.parent.glob("**/escaped"))


def test_a_lock_that_leaves_the_folder_is_refused(tmp_path):
    with pytest.raises(WordbrushError, match="outside"):
        read_lock(write(tmp_path / "lock", LOCK.format(md5="x").replace("path: a", "path: ../a")))
    with pytest.raises(WordbrushError, match=r"is not a dvc\.lock"):
        read_lock(write(tmp_path / "lock", "schema: '2.0'\nstages: {one: 3}\n"))


def test_only_numbers_are_kept():
    assert flatten({"a": {"b": 1, "c": "x"}, "d": 2.5, "e": None, "f": True}) == {
        "a.b": 1,
        "d": 2.5,
    }


def test_a_bucket_is_a_remote_too(project, params, bucket_server, monkeypatch):
    """Against a GCS emulator: a stage runs, its outputs and lock are in the bucket, and a second one fetches them."""
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    options = {"endpointurl": bucket_server, "allow_anonymous_login": "true", "projectname": "test"}
    storage = Storage("gs://wordbrush/dvc", options)
    with run_stage("render-scenes", params, [], storage=storage, source=project.root) as run:
        assert all(
            pointer.uri.startswith("gs://wordbrush/dvc/files/md5/") for pointer in run.pointers
        )
    with scratch_workspace(project.root, params, storage) as repo:
        key = stage_keys(repo)["render-scenes"]
        assert recorded_lock(repo, key) == run.lock
        assert lost(repo, {"render-scenes": key}) == []
    with run_stage("render-scenes", params, [], storage=storage, source=project.root) as again:
        assert again.lock == run.lock
