"""Works take turns, parts add up, warm-ups and budgets are kept, peaks match known allocations."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from benchmarks import timing
from benchmarks.timing import WHOLE, Seconds, Work, alternate, peak_bytes, timed


@pytest.fixture
def lasting(monkeypatch) -> Callable[[float], Work]:
    """Work that lasts so many seconds, by a clock that only such work moves on."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock.now)

    def work(seconds: float) -> Work:
        def move_on() -> None:
            clock.now += seconds

        return move_on

    return work


def test_works_take_turns_and_the_first_turn_warms_up(lasting):
    order, work = [], lasting(0.15)

    def named(name):
        return lambda: order.append(name) or work()

    taken = alternate({"a": named("a"), "b": named("b")}, 3, 60.0)
    assert order == ["a", "b"] * 4
    assert len(taken["a"][WHOLE].taken) == len(taken["b"][WHOLE].taken) == 3


def test_slow_work_drops_out_after_its_budget_and_the_other_continues(lasting):
    taken = alternate({"slow": lasting(0.2), "fast": lasting(0.001)}, 4, 0.1)
    # the first turn counts, since it took all of the budget
    assert len(taken["slow"][WHOLE].taken) == 1
    assert len(taken["fast"][WHOLE].taken) >= 4


def test_parts_are_timed_apart():
    def work():
        yield "first"
        yield "second"

    taken = timed(work)
    assert list(taken) == ["first", "second", WHOLE]
    assert 0 < taken["first"] + taken["second"] <= taken[WHOLE]


def test_median_and_spread_by_hand():
    seconds = Seconds([1.0, 2.0, 3.0, 4.0, 10.0])
    assert (seconds.median, seconds.spread) == (3.0, pytest.approx(2 / 3))


def test_the_peak_counts_what_lives_at_a_time():
    def work():
        first = torch.zeros(1 << 20)
        second = torch.zeros(1 << 20)
        del first
        return second, torch.zeros(1 << 19)

    assert peak_bytes(work) == 8 << 20
