"""Pictures convert exactly; convolutions run in the chosen precision, by the chosen algorithms."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from wordbrush.data.images import to_images, to_uint8
from wordbrush.training.compute import (
    WORKSPACE,
    WORKSPACE_VARIABLE,
    algorithms,
    mixed_precision,
    multiplies_bfloat16,
    precision,
)


def test_pictures_survive_the_round_trip():
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)
    floats = to_images(images)
    assert floats.shape == (5, 3, 4, 6) and floats.min() >= -1 and floats.max() <= 1
    assert np.array_equal(to_uint8(floats), images)
    assert np.array_equal(
        to_uint8(torch.full((1, 3, 1, 1), 7.0)), np.full((1, 1, 1, 3), 255, np.uint8)
    )


@pytest.mark.parametrize(
    ("name", "low"), [("float32", False), ("bfloat16", True), ("auto", multiplies_bfloat16())]
)
def test_convolutions_run_in_the_chosen_precision_and_only_within(name, low):
    x, weight = torch.randn(1, 2, 4, 4), torch.randn(3, 2, 1, 1)
    with precision(name), mixed_precision():
        inside = torch.nn.functional.conv2d(x, weight)
    assert inside.dtype == (torch.bfloat16 if low else torch.float32)
    with mixed_precision():
        assert torch.nn.functional.conv2d(x, weight).dtype == torch.float32


def chosen() -> tuple[int, bool]:
    return torch.get_deterministic_debug_mode(), torch.backends.cudnn.benchmark


@pytest.mark.parametrize(
    ("kind", "deterministic", "within"),
    [("cuda", True, (1, False)), ("cuda", False, (0, True)), ("cpu", False, (1, False))],
)
def test_gpus_run_the_algorithms_that_were_asked_for_and_only_within(
    kind, deterministic, within, monkeypatch
):
    monkeypatch.setenv(WORKSPACE_VARIABLE, "")  # so that it is as before in the end
    monkeypatch.delenv(WORKSPACE_VARIABLE)
    before = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("warn")  # as set_seed leaves it
    try:
        with algorithms(deterministic, torch.device(kind)):
            assert chosen() == within
            assert (os.environ.get(WORKSPACE_VARIABLE) == WORKSPACE) == deterministic
        assert chosen() == (1, False)
    finally:
        torch.set_deterministic_debug_mode(before)


DETERMINISTIC = """
import sys, torch
from wordbrush.training.compute import set_seed
set_seed(1)
assert torch.get_deterministic_debug_mode() == 1, "what has no deterministic version is warned of"
assert not torch.utils.deterministic.fill_uninitialized_memory
print([name for name in ("torch._inductor", "torch._dynamo", "sympy") if name in sys.modules])
"""


def test_determinism_loads_no_compiler():
    """It would add two seconds to the start of every stage."""
    done = subprocess.run([sys.executable, "-c", DETERMINISTIC], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
