"""What all requests share: the store, on one thread, and those who record."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
from prometheus_client import Counter

from wordbrush.collector import recordings, speakers
from wordbrush.collector.checks import Reason
from wordbrush.collector.consent import Consent
from wordbrush.collector.speakers import Failing, Speaker, Unasked
from wordbrush.collector.store import Store
from wordbrush.collector.tasks import Quotas
from wordbrush.serving.decoding import Decoder
from wordbrush.serving.guards import Allowance
from wordbrush.serving.metrics import working

TRIES, TRY_BURST = 0.5, 12.0  # recordings that a speaker may have checked a second, and at once
CHECKERS = 2  # recordings that are checked at once
PAGE = "collector"  # in metrics
VERDICTS = Counter("wordbrush_collect_recordings", "Recordings that were checked", ["verdict"])
WAITING = 64  # that wait for it, at most
Given = ParamSpec("Given")
Result = TypeVar("Result")


@dataclass
class Room:
    """secure: whether people come by https, so that cookies may demand it."""

    store: Store
    consent: Consent
    quotas: Quotas
    secure: bool
    decoder: Decoder = field(default_factory=Decoder)
    keeper: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "store"))
    checkers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(CHECKERS, "checks")
    )
    tries: dict[int, Allowance] = field(default_factory=dict)
    filing: set[int] = field(default_factory=set)  # speakers whose file comes or is checked
    checking: int = 0

    async def ask(
        self,
        what: Callable[Concatenate[Store, Given], Result],
        *args: Given.args,
        **kwargs: Given.kwargs,
    ) -> Result:
        """Do something with the store, on its thread.

        Raises Failing where the disk or the database does.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self.keeper, lambda: what(self.store, *args, **kwargs)
            )
        except (OSError, sqlite3.Error) as fault:
            raise Failing(fault) from None

    async def agreed(self, speaker: Speaker) -> Speaker:
        """The speaker as the store has him or her now.

        Raises Unasked where the link was closed, or the text was not agreed to.
        """
        now = await self.ask(speakers.speaker_numbered, speaker.number)
        if now is None:
            raise Unasked("this link was closed")
        if now.consent != self.consent.version:
            raise Unasked("agree to the text first: load the page again")
        return now

    def require_try(self, speaker: Speaker) -> None:
        """Raises Unasked for somebody who sends more recordings than anybody speaks."""
        allowance = self.tries.setdefault(speaker.number, Allowance(TRIES, TRY_BURST))
        if not allowance.take():
            raise Unasked("too many recordings at once: wait some seconds, and record it again")

    @contextmanager
    def one_file(self, speaker: Speaker) -> Iterator[None]:
        """Raises Unasked where another file of this speaker is not done: files take memory."""
        if speaker.number in self.filing:
            raise Unasked("another file of yours is being checked: wait for it")
        self.filing.add(speaker.number)
        try:
            yield
        finally:
            self.filing.discard(speaker.number)

    async def judge(
        self, speaker: Speaker, picture: str, attempt: str, samples: np.ndarray
    ) -> tuple[list[Reason], float]:
        """Check a recording int16 [S], and keep it if it is accepted: why not, and its seconds.

        Raises Unasked where too many wait, or the picture is no longer to be described.
        """
        if self.checking >= WAITING:
            raise Unasked("too many people record at once: wait a minute, and record it again")
        self.checking += 1
        try:
            before = await self.ask(recordings.sketches, speaker, picture)
            with working(PAGE, "check"):
                found, why, flac = await asyncio.get_running_loop().run_in_executor(
                    self.checkers, recordings.examined, samples, before
                )
        finally:
            self.checking -= 1
        if not why:
            why = await self.ask(recordings.keep, speaker, picture, attempt, found, flac)
        VERDICTS.labels(why[0].code if why else "accepted").inc()
        return why, found.seconds

    def close(self) -> None:
        for pool in (self.keeper, self.checkers):
            pool.shutdown(wait=True, cancel_futures=True)
