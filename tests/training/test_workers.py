"""Workers: results in order, and an end whatever becomes of the processes."""

import os
import signal
import time
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

from wordbrush.errors import WordbrushError
from wordbrush.training.workers import AHEAD, MOST, Task, ordered

SPAWN = get_context("forkserver")


def square(number: int) -> int:
    return number**2


def process_of(number: int) -> int:
    return os.getpid()


def die_at(fatal: int, folder: Path, times: int, number: int) -> int:
    """The square; the process ends at the number `fatal`, so many times."""
    deaths = folder / "deaths"
    if number == fatal and (before := len(list(folder.iterdir()))) < times:
        (folder / f"{deaths}{before}").touch()
        os._exit(3)
    return square(number)


def die_once_everywhere(folder: Path, number: int) -> int:
    if not (folder / str(number)).exists():
        (folder / str(number)).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def fail_at_five(number: int) -> int:
    if number == 5:
        raise WordbrushError("five is too many.")
    if number == 105:
        raise KeyError("a bug")
    return number


def slow_first(folder: Path, number: int) -> int:
    """Of 0, how many others are done a second after the first few; of others, their number."""
    if number:
        (folder / str(number)).touch()
        return number
    while len(list(folder.iterdir())) < AHEAD:
        time.sleep(0.01)
    time.sleep(1)
    return len(list(folder.iterdir()))


def name(number: int) -> str:
    return f"squaring {number}"


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_results_come_in_order(fresh, chunk):
    task = Task(square, name, chunk, fresh)
    assert list(ordered(task, range(9), SPAWN)) == [number**2 for number in range(9)]
    assert list(ordered(task, [], SPAWN)) == []


def test_a_fresh_process_does_every_chunk():
    found = list(ordered(Task(process_of, name, 3, fresh=True), range(8), SPAWN))
    assert [len(set(found[at : at + 3])) for at in (0, 3, 6)] == [1, 1, 1]
    assert len(set(found)) == 3


@pytest.mark.parametrize("fatal", [0, 5, 8])
def test_a_worker_that_dies_once_is_replaced(tmp_path, fatal):
    task = Task(partial(die_at, fatal, tmp_path, 1), name, 3)
    assert list(ordered(task, range(9), SPAWN)) == [number**2 for number in range(9)]


def test_a_worker_that_dies_twice_at_an_item_ends_the_work(tmp_path):
    task = Task(partial(die_at, 5, tmp_path, 99), name, 3)
    with pytest.raises(WordbrushError, match=r"^squaring 5: .* ended 2 times \(exit code 3\)"):
        list(ordered(task, range(9), SPAWN))
    assert len(list(tmp_path.iterdir())) == 2


def test_workers_that_die_everywhere_end_the_work(tmp_path):
    task = Task(partial(die_once_everywhere, tmp_path), name, 1)
    with pytest.raises(WordbrushError, match=f"SIGKILL.*memory.* {MOST} processes ended"):
        list(ordered(task, range(100), SPAWN))


def test_others_wait_for_a_slow_one(tmp_path, monkeypatch):
    """Else their results would fill the memory."""
    monkeypatch.setattr("wordbrush.training.workers.usable_cores", lambda: 2)
    found = list(ordered(Task(partial(slow_first, tmp_path), name, 1), range(60), SPAWN))
    assert AHEAD <= found[0] <= 2 * AHEAD + 1 and found[1:] == list(range(1, 60))


def test_errors_reach_the_caller_with_their_place():
    task = Task(fail_at_five, name, 2)
    with pytest.raises(WordbrushError, match=r"^five is too many\.$"):
        list(ordered(task, range(9), SPAWN))
    with pytest.raises(KeyError, match="a bug") as caught:
        list(ordered(task, range(105, 106), SPAWN))
    assert "in fail_at_five" in caught.value.__notes__[0]
