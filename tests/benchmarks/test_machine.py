"""What work asks of the machine, against counts by hand."""

import pytest
import torch
from torch.nn import functional as F

from benchmarks.machine import Limits, count_cost, facts
from benchmarks.timing import WHOLE

LIMITS = Limits(matrix=2e9, convolution=1e9, memory=4e8, matrix16=8e9, convolution16=5e9)


def test_products_and_convolutions_are_counted_forward_and_backward():
    left, right = torch.randn(8, 16, requires_grad=True), torch.randn(16, 4)
    images, weight = torch.randn(2, 3, 8, 8), torch.randn(5, 3, 3, 3)

    def work():
        product = left @ right
        yield "product"
        product.sum().backward()
        yield "backward"
        F.conv2d(images, weight, padding=1)
        yield "convolution"

    costs = count_cost(work)
    assert costs["product"].operations == costs["backward"].operations == 2 * 8 * 16 * 4
    assert costs["convolution"].operations == 2 * (2 * 8 * 8) * 5 * 3 * 9
    assert costs[WHOLE].operations == sum(
        costs[part].operations for part in ("product", "backward", "convolution")
    )
    assert costs["product"].arithmetic(LIMITS) == pytest.approx(1024 / 2e9)
    assert costs["convolution"].arithmetic(LIMITS) == pytest.approx(34560 / 1e9)


def test_bfloat16_has_limits_of_its_own():
    images, weight = torch.randn(2, 3, 8, 8), torch.randn(5, 3, 3, 3)
    with torch.autocast("cpu", torch.bfloat16):
        cost = count_cost(lambda: F.conv2d(images, weight, padding=1))[WHOLE]
    assert cost.arithmetic(LIMITS) == pytest.approx(34560 / 5e9)


def test_an_operator_without_arithmetic_is_limited_by_its_traffic():
    one = torch.zeros(1000)
    cost = count_cost(lambda: one[:500] + one[500:].view(5, 100).flatten())[WHOLE]
    assert cost.operations == 0
    # two tensors are read, one is written; views cost nothing
    assert cost.least(LIMITS) == pytest.approx(3 * 500 * 4 / 4e8)


def test_the_better_of_two_measurements_counts():
    assert LIMITS.best(Limits(1e9, 3e9, 5e8, 9e9, 4e9)) == Limits(2e9, 3e9, 5e8, 9e9, 5e9)


def test_facts_name_machine_versions_commit_and_threads():
    known = facts()
    assert known["machine"]["cpu"] and known["machine"]["usable_cores"] >= 1
    assert known["versions"]["torch"] == torch.__version__
    assert (
        known["threads"]["torch"] == torch.get_num_threads() and known["threads"]["OMP_NUM_THREADS"]
    )
    assert set(known["commit"]) == {"id", "dirty"}
