"""Many items worked on by many processes; their results come in the order of the items.

multiprocessing's Pool replaces a worker that died, but waits for ever for the results that it owed.
concurrent.futures' pool fails as a whole, and does not say at which item. Here, the items that a
dead worker had are given to another one; a worker that dies at the same item again is an error.
"""

import signal
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar, cast

from wordbrush.errors import WordbrushError
from wordbrush.process import usable_cores
from wordbrush.training.signals import leave_signals

Item = TypeVar("Item")
Result = TypeVar("Result")
SAME = 2  # deaths at one item that end the work
MOST = 10  # deaths in all, as of a machine whose memory is full
AHEAD = 2  # chunks a core, by which results may be ahead of the one that is wanted next


def one_thread() -> None:
    """In a worker: PyTorch takes one core, and sums do not depend on how many there are."""
    import torch

    torch.set_num_threads(1)


@dataclass(frozen=True)
class Task(Generic[Item, Result]):
    """What workers do.

    function: an item to its result. name: what is done with an item, for messages, as in "rendering
    scene 3". chunk: consecutive items that a worker is given at a time; if it dies, another one
    begins the chunk anew. fresh: whether every chunk gets a process of its own. prepare: what a
    worker calls first.
    """

    function: Callable[[Item], Result]
    name: Callable[[Item], str]
    chunk: int
    fresh: bool = False
    prepare: Callable[[], None] | None = None


def ordered(
    task: Task[Item, Result], items: Sequence[Item], context: SpawnContext | ForkServerContext
) -> Iterator[Result]:
    """The results of all items, in their order, by as many processes as there are cores.

    Raises what the function raises, and WordbrushError where workers die again and again.
    """
    crew = Crew(task, items, context)
    try:
        yield from crew.results()
    finally:
        crew.end()


@dataclass
class Worker:
    """A process, our end of the pipe to it, the items it was given, and how many are done."""

    process: BaseProcess
    pipe: Connection
    numbers: range
    done: int = 0


class Crew(Generic[Item, Result]):
    """The workers of a task, and what is left to do."""

    def __init__(
        self,
        task: Task[Item, Result],
        items: Sequence[Item],
        context: SpawnContext | ForkServerContext,
    ):
        self.task, self.items, self.context = task, items, context
        self.workers: dict[Connection, Worker] = {}
        self.deaths: Counter[int] = Counter()
        starts = range(0, len(items), task.chunk)
        self.waiting = deque(range(at, min(at + task.chunk, len(items))) for at in starts)

    def results(self) -> Iterator[Result]:
        """As `ordered`."""
        found: dict[int, Result] = {}
        number = 0
        while number < len(self.items):
            while self.waiting and len(self.workers) < usable_cores():
                self._hire(self.waiting.popleft())
            for pipe in wait(self._heard(number)):
                for at, result in self._receive(self.workers[cast(Connection, pipe)]):
                    if at >= number:  # or it was yielded before its chunk was begun anew
                        found[at] = result
            while number in found:
                yield found.pop(number)
                number += 1

    def _heard(self, number: int) -> list[Connection]:
        """The workers whose next result is wanted, when `number` is the first that is missing.

        The others wait at their pipes, so that memory holds few results while one is slow.
        """
        limit = number + AHEAD * self.task.chunk * usable_cores()
        return [
            pipe for pipe, worker in self.workers.items() if worker.numbers[worker.done] <= limit
        ]

    def end(self) -> None:
        """Stop all workers."""
        for worker in self.workers.values():
            worker.process.terminate()
        for worker in list(self.workers.values()):
            self._dismiss(worker)

    def _hire(self, numbers: range) -> None:
        pipe, theirs = self.context.Pipe()
        arguments = (theirs, self.task.function, self.task.prepare)
        process = self.context.Process(target=work, args=arguments, daemon=True)
        process.start()
        theirs.close()  # else its death would not close the pipe
        self.workers[pipe] = Worker(process, pipe, numbers)
        self._give(self.workers[pipe])

    def _give(self, worker: Worker) -> None:
        with suppress(OSError):  # it died already, which `_receive` finds
            worker.pipe.send([self.items[number] for number in worker.numbers])

    def _receive(self, worker: Worker) -> Iterator[tuple[int, Result]]:
        """What has come from a worker: a result and its number, or nothing where it died."""
        try:
            error, result = worker.pipe.recv()
        except (EOFError, OSError):
            self._replace(worker)
            return
        if error is not None:
            raise error
        number = worker.numbers[worker.done]
        worker.done += 1
        if worker.done == len(worker.numbers):
            self._give_more(worker)
        yield number, result

    def _give_more(self, worker: Worker) -> None:
        if self.task.fresh or not self.waiting:
            self._dismiss(worker)
        else:
            worker.numbers, worker.done = self.waiting.popleft(), 0
            self._give(worker)

    def _dismiss(self, worker: Worker) -> None:
        worker.pipe.close()  # at which it ends
        worker.process.join()
        del self.workers[worker.pipe]

    def _replace(self, worker: Worker) -> None:
        """Another worker begins the chunk anew. Raises WordbrushError after too many deaths."""
        self._dismiss(worker)
        number = worker.numbers[worker.done]
        self.deaths[number] += 1
        if self.deaths[number] >= SAME or self.deaths.total() >= MOST:
            raise WordbrushError(
                f"{self.task.name(self.items[number])}: the process that did it ended "
                f"{self.deaths[number]} times ({_how_it_ended(worker.process.exitcode)}), and "
                f"{self.deaths.total()} processes ended in all; what they printed is above."
            )
        self.waiting.appendleft(worker.numbers)


def work(
    pipe: Connection, function: Callable[[Any], Any], prepare: Callable[[], None] | None
) -> None:
    """In a worker: send an error or a result for every item of every chunk, until the pipe ends."""
    leave_signals()
    if prepare is not None:
        prepare()
    with suppress(EOFError, ConnectionError):  # the parent needs no more, or was killed
        while True:
            for item in pipe.recv():
                pipe.send(_attempt(function, item))


def _attempt(
    function: Callable[[Item], Result], item: Item
) -> tuple[None, Result] | tuple[Exception, None]:
    try:
        return None, function(item)
    except Exception as error:
        if not isinstance(error, WordbrushError):
            error.add_note(traceback.format_exc())  # which a pickle leaves out
        return error, None


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"{name}, as when the memory is full" if name == "SIGKILL" else name
    return f"exit code {code}"
