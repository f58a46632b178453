"""Checkpoints are read as written, the last two are kept, and damaged ones are not used.

A killed stage resumes bit for bit.
"""

import importlib
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from wordbrush import params as parameters
from wordbrush.storage.folders import FolderStore
from wordbrush.storage.layout import Layout
from wordbrush.training.checkpoints import (
    ADDRESS_VARIABLE,
    Checkpoints,
    for_stage,
    pack,
    unpack,
)
from wordbrush.training.compute import device, set_seed


class Killed(BaseException):
    """Stands for the time at which the machine disappeared."""


class MortalStore(FolderStore):
    """A folder, and a machine that disappears after so many checkpoints."""

    def __init__(self, root: Path, life: int):
        super().__init__(root)
        self.life = life

    def exchange(self, name: str, data: bytes, before: bytes | None) -> None:
        super().exchange(name, data, before)
        self.life -= 1
        if self.life == 0:
            raise Killed


def test_what_goes_in_comes_out():
    tree = {
        "a": [1, 2.5, None, True, "x"],
        3: (torch.tensor(7.0, dtype=torch.float64), {"deep": torch.arange(6).view(2, 3).T}),
        "array": np.array([[1.0, 2.0]], np.float16),
        "flags": np.array([True, False]),
        "bytes": b"\x00\xff",
        "none": b"",
        "large": 2**100 + 1,
        "pi": 0.1 + 0.2,
    }
    again = unpack(pack(tree))
    assert (
        list(again) == list(tree)
        and again["a"] == tree["a"]
        and again["large"] == tree["large"]
        and again["pi"] == tree["pi"]
    )
    assert isinstance(again[3], tuple) and again[3][0].dtype == torch.float64
    assert torch.equal(again[3][1]["deep"], tree[3][1]["deep"])
    assert again["array"].dtype == np.float16 and np.array_equal(again["array"], tree["array"])
    assert (
        again["flags"].tolist() == [True, False]
        and again["bytes"] == tree["bytes"]
        and again["none"] == b""
    )


def saved(folder: Path, steps: int, key: str = "key") -> tuple[Checkpoints, torch.nn.Module]:
    checkpoints, network = Checkpoints(FolderStore(folder), key, seconds=0), torch.nn.Linear(2, 2)
    for step in range(1, steps + 1):
        torch.nn.init.constant_(network.weight, step)
        checkpoints.offer(step, {"network": network}, partial(dict, step=step))
    return checkpoints, network


def test_the_last_two_are_kept_and_found_by_their_key_alone(tmp_path):
    checkpoints, network = saved(tmp_path, 5)
    assert [int(path.name.split("-")[1]) for path in sorted((tmp_path / "key").iterdir())] == [4, 5]
    torch.nn.init.zeros_(network.weight)
    assert checkpoints.restore({"network": network}) == {"step": 5}
    assert (network.weight == 5).all()
    assert Checkpoints(FolderStore(tmp_path), "other").restore({"network": network}) is None
    checkpoints.clear()
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_a_damaged_checkpoint_is_left_aside_by_name(tmp_path, capsys, damage):
    checkpoints, network = saved(tmp_path, 3)
    older, newest = sorted((tmp_path / "key").iterdir())
    content = newest.read_bytes()
    if damage == "flip":
        newest.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "truncate":
        newest.write_bytes(content[:100])
    else:
        newest.unlink()
    assert checkpoints.restore({"network": network}) == {"step": 2}
    assert (network.weight == 2).all()
    assert (newest.name in capsys.readouterr().err) == (damage != "delete")
    older.write_bytes(b"")
    newest.unlink(missing_ok=True)
    assert checkpoints.restore({"network": network}) is None


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(tmp_path, capsys):
    checkpoints, _ = saved(tmp_path, 2)
    shutil.move(tmp_path / "key", tmp_path / "away")
    (tmp_path / "key").write_text("a file where the folder was")
    network, before = torch.nn.Linear(2, 2), checkpoints.last
    for step in (3, 4):
        checkpoints.offer(step, {"network": network}, partial(dict, step=step))
    assert checkpoints.last > before  # the next one is due only later
    said = capsys.readouterr().err
    assert (
        f"no checkpoint of state 3 (the last one is step 2 in {tmp_path}/key)" in said
        and "no checkpoint of state 4" in said
    )
    (tmp_path / "key").unlink()
    shutil.move(tmp_path / "away", tmp_path / "key")
    assert checkpoints.restore({"network": network}) == {"step": 2}


def test_a_stream_goes_on_where_it_was(tmp_path):
    def start(first: int):
        begun.append(first)
        for number in range(first, 10):
            yield number, np.full(3, number)

    def numbers(life: int) -> list[int]:
        store = MortalStore(tmp_path, life)
        return [
            number
            for number, array in Checkpoints(store, "key", seconds=0).continued(
                "lines", start, multiple=2
            )
            if (array == number).all()
        ]

    begun: list[int] = []
    with pytest.raises(Killed):
        numbers(2)
    assert numbers(-1) == list(range(10))
    assert begun == [0, 4]


STAGES = [
    ("train_gan", {}, "data/generator"),
    ("train_segmenter", {}, "data/segmenter"),
    ("pretrain_davenet", {"mining": "hard"}, "data/encoders/pretrain/hard"),
    ("random_edits", {"mining": "random"}, "data/encoders/random-edits/random"),
    ("targeted_edits", {"mining": "hard"}, "data/encoders/targeted-edits/hard"),
    ("render_scenes", {}, "data/scenes"),
    ("synthesize_captions", {}, "data/speech"),
]


@pytest.mark.parametrize(
    ("stage", "options", "output"), STAGES, ids=[stage for stage, _, _ in STAGES]
)
def test_a_killed_stage_resumes_bit_for_bit(finished, tmp_path, stage, options, output):
    """Killed after two checkpoints in turn, a run has the outputs of one that was not killed."""
    shutil.copytree(finished.root / "data", tmp_path / "data")
    shutil.rmtree(tmp_path / output)
    params, module = (
        parameters.load(finished.root / "params.yaml"),
        importlib.import_module(f"wordbrush.stages.{stage}"),
    )

    def run(life: int) -> None:
        set_seed(params.seed)
        module.run(
            params,
            Layout(tmp_path),
            checkpoints=Checkpoints(MortalStore(tmp_path / "kept", life), "key", 0.0),
            **options,
        )

    for life in (1, 1):
        with pytest.raises(Killed):
            run(life)
        assert not (tmp_path / output).exists()
    run(-1)
    names = sorted(path.name for path in (finished.root / output).iterdir())
    assert sorted(path.name for path in (tmp_path / output).iterdir()) == names
    for name in names:
        assert (tmp_path / output / name).read_bytes() == (
            finished.root / output / name
        ).read_bytes(), name


def test_each_kind_of_device_has_its_own(tmp_path, monkeypatch):
    """Random numbers are drawn on the device, and differ between kinds of devices."""
    monkeypatch.setenv(ADDRESS_VARIABLE, str(tmp_path))
    kind = device().type
    assert for_stage("key", 1.0).key == ("key" if kind == "cpu" else f"key-{kind}")
