"""Progress that a person can follow: a bar on a terminal, one line an interval elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from wordbrush.process import is_main
from wordbrush.telemetry import metrics

T = TypeVar("T")
LINE_SECONDS = 15.0


class Progress:
    """Counts from `done` to `total`; `note` shows named figures. Both are published as metrics.

    shows: what one unit stands for, if metrics should count that: (1000, "image") for a kimg.
    """

    def __init__(
        self,
        title: str,
        total: float,
        unit: str = "it",
        done: float = 0,
        shows: tuple[int, str] | None = None,
    ):
        self.title, self.total, self.unit = title, total, unit
        self.done, self.figures = float(done), ""
        self.each, counted = shows or (1, unit)
        self.work = metrics.Work(title, counted, round(self.each * total), round(self.each * done))
        self.started = self.last_line = time.monotonic()
        shown = sys.stderr.isatty() and is_main()
        self.bar = (
            tqdm(total=total, initial=done, desc=title, unit=unit, dynamic_ncols=True)
            if shown
            else None
        )

    def advance(self, amount: float = 1) -> None:
        self.done += amount
        self.work.advance(round(self.each * amount))
        if self.bar is not None:
            self.bar.update(amount)
        elif time.monotonic() - self.last_line >= LINE_SECONDS:
            self._line()

    def note(self, **figures: float) -> None:
        metrics.figures(figures)
        self.figures = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        if self.bar is not None:
            self.bar.set_postfix_str(self.figures, refresh=False)

    def _line(self) -> None:
        self.last_line = time.monotonic()
        if not is_main():
            return
        seconds = self.last_line - self.started
        share = 100 * self.done / self.total if self.total else 100
        counted = f"{self.done:g}/{self.total:g} {self.unit} ({share:.0f} %)"
        print(
            f"{self.title}: {counted}  {seconds:.0f} s  {self.figures}", file=sys.stderr, flush=True
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()
        else:
            self._line()


def track(
    items: Iterable[T], title: str, total: int, unit: str = "it", done: float = 0
) -> Iterator[T]:
    """Iterate over `items` and show progress."""
    with Progress(title, total, unit, done) as progress:
        for item in items:
            yield item
            progress.advance()
