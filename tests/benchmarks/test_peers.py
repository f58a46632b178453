"""Modules of other checkouts are loaded by path, and leave no names behind."""

import importlib
import operator
import sys
from types import ModuleType

import pytest

from benchmarks.peers import Peers, importing_from, some_functions
from wordbrush.errors import WordbrushError


def test_two_checkouts_may_have_modules_of_one_name(tmp_path):
    found = []
    for name in ("first", "second"):
        (tmp_path / name / "models").mkdir(parents=True)
        (tmp_path / name / "models/__init__.py").write_text(
            f"from models.own import NAME\nassert NAME == {name!r}\n"
        )
        (tmp_path / name / "models/own.py").write_text(f"NAME = {name!r}\n")
        with importing_from(tmp_path / name):
            found.append(importlib.import_module("models").NAME)
        assert (
            "models" not in sys.modules
            and "models.own" not in sys.modules
            and str(tmp_path / name) not in sys.path
        )
    assert found == ["first", "second"]


def test_stand_ins_are_seen_within_and_what_was_there_before_comes_back(tmp_path):
    (tmp_path / "needing.py").write_text(
        "import json\nimport missing_package\nFOUND = json.NAME, missing_package.NAME\n"
    )
    stand_ins = {name: ModuleType(name) for name in ("json", "missing_package")}
    for name, module in stand_ins.items():
        module.NAME = f"a stand-in for {name}"
    before = sys.modules["json"]
    with importing_from(tmp_path, stand_ins):
        assert importlib.import_module("needing").FOUND == (
            "a stand-in for json",
            "a stand-in for missing_package",
        )
    assert (
        sys.modules["json"] is before
        and "missing_package" not in sys.modules
        and "needing" not in sys.modules
    )


def test_functions_come_without_the_imports_of_their_module(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "import missing\n"
        "def double(x):\n    return times(x, 2)\n"
        "def times(*x):\n    return operator.mul(*x)\n"
    )
    assert some_functions(path, ("double", "times"), {"operator": operator}).double(21) == 42


def test_a_peer_that_is_not_given_says_so_and_a_wrong_path_is_refused(tmp_path):
    assert (
        Peers().load("gan_zoo") is None
        and Peers().title("gan_zoo", "its step") == "not given (--gan-zoo)"
    )
    with pytest.raises(
        WordbrushError,
        match=r"--gan-zoo .* is no checkout of pytorch_GAN_zoo: models/prog.* is missing",
    ):
        Peers(gan_zoo=tmp_path)
