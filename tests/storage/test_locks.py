"""One at a time, with the system's lock and without."""

import threading
import time

import pytest

from wordbrush.errors import WordbrushError
from wordbrush.storage import locks


@pytest.fixture(params=["fcntl", "file"])
def kind(request, monkeypatch):
    if request.param == "file":
        monkeypatch.setattr(locks, "fcntl", None)
    return request.param


def test_nobody_enters_before_the_first_has_left(kind, tmp_path):
    inside, seen = [], []

    def enter() -> None:
        for _ in range(20):
            with locks.one_at_a_time(tmp_path / "new" / "x"):
                inside.append(1)
                seen.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 80


def test_a_fault_inside_lets_go_of_the_lock(kind, tmp_path):
    with pytest.raises(RuntimeError), locks.one_at_a_time(tmp_path / "x"):
        raise RuntimeError
    with locks.one_at_a_time(tmp_path / "x"):
        pass


def test_a_lock_that_a_crash_left_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(locks, "fcntl", None)
    monkeypatch.setattr(locks, "WAIT", 0.1)
    (tmp_path / "x.held").touch()
    with (
        pytest.raises(WordbrushError, match=r"x\.held has been there.*delete it"),
        locks.one_at_a_time(tmp_path / "x"),
    ):
        pass
