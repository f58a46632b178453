"""Components name no unpinned image, install nothing at run time, import nothing at the top."""

import pytest

from tests.conftest import ROOT
from wordbrush.kubeflow.compiler.policy import faults, is_pinned

GOOD = (
    '"""x as a component."""\nfrom components import component\n\n'
    "@component\ndef x(params: str):\n    import torch\n"
)
SHARED = (
    'from kfp import dsl\nIMAGE = "wordbrush-python:0.1.0"\n'
    "component = dsl.component(base_image=IMAGE, install_kfp_package=False)\n"
)


def faults_of(folder, component: str = GOOD, shared: str = SHARED) -> list[str]:
    (folder / "x.py").write_text(component)
    (folder / "__init__.py").write_text(shared)
    return [fault.removeprefix(f"{folder}/") for fault in faults(folder)]


def test_our_components_follow_the_policy():
    assert faults(ROOT / "components") == []


def test_a_good_component_has_no_fault(tmp_path):
    assert faults_of(tmp_path) == []


@pytest.mark.parametrize(
    ("component", "complaint"),
    [
        (f"import torch\n{GOOD}", "x.py:1: torch is imported at the top"),
        (f"from dvc.repo import Repo\n{GOOD}", "x.py:1: dvc.repo is imported at the top"),
        (f"{GOOD}    run('pip install numpy')\n", "x.py:7: 'pip install numpy' installs packages"),
        (
            GOOD.replace("@component\n", "@component(packages_to_install=['numpy'])\n"),
            "'packages_to_install' installs packages",
        ),
        (
            GOOD.replace("@component\n", "@component(base_image='python:3.11')\n"),
            "base_image is set",
        ),
        (GOOD.replace("@component\n", ""), "x.py:4: x needs the decorator @component"),
    ],
)
def test_a_faulty_component_is_named(tmp_path, component, complaint):
    assert any(complaint in fault for fault in faults_of(tmp_path, component))


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        (":0.1.0", "", "__init__.py:2: the image 'wordbrush-python' is not pinned"),
        (":0.1.0", ":latest", "'wordbrush-python:latest' is not pinned"),
        (", install_kfp_package=False", "", "install_kfp_package=False is missing"),
    ],
)
def test_a_faulty_image_is_named(tmp_path, before, after, complaint):
    (fault,) = faults_of(tmp_path, shared=SHARED.replace(before, after))
    assert complaint in fault


def test_digests_and_tags_pin():
    assert is_pinned("host:5000/a/b@sha256:00") and is_pinned("host:5000/a/b:1")
    assert not is_pinned("host:5000/a/b") and not is_pinned("b:latest")
