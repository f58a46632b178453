"""The WebSocket of a page that is listened to: sound comes, and light, words and hits go."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.errors import optional_packages
from wordbrush.explorer.listening import Listener, Message, Studio
from wordbrush.serving.metrics import working
from wordbrush.serving.streams import Refused, SoundStream

with optional_packages():
    from aiohttp import web

PAGE = "explorer"  # in metrics
MOST_VIEWED = 24
AHEAD_SECONDS = 3.0  # of sound that may come faster than time passes, after a pause of the network
WAITING_SECONDS = 2.0  # of sound that waits for the model; more is dropped, and the page told
MOST_AT_ONCE = 2 * SAMPLE_RATE  # bytes: a second, which any way of hearing takes (hearing.py)


class Control(BaseModel):
    """What a page says. view: the pictures in view. finding: whether it shows hits. language: in
    which the next utterance is. stop: the microphone was closed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    view: Annotated[list[int], Field(max_length=MOST_VIEWED)] | None = None
    finding: bool | None = None
    language: Annotated[str, Field(max_length=16)] | None = None
    stop: bool = False


class Connection(SoundStream[Control]):
    """One page.

    Sound that comes while the model is at work is heard together with what follows, so that a slow
    machine shows fewer pictures of light and not later ones.
    """

    def __init__(self, socket: web.WebSocketResponse, studio: Studio, engine: Executor):
        super().__init__(socket, Control, AHEAD_SECONDS)
        self.studio, self.engine = studio, engine
        self.listener = Listener(studio)
        self.waiting = bytearray()
        self.stopping = False
        self.news = asyncio.Event()

    async def listen(self) -> None:
        """Until the page goes, or sends what it must not."""
        await self.serve(asyncio.create_task(self._answer()))

    async def on_sound(self, data: bytes) -> None:
        self.waiting += data
        excess = len(self.waiting) - round(2 * SAMPLE_RATE * WAITING_SECONDS)
        if excess > 0:
            del self.waiting[: excess + excess % 2]
            self.listener.heard_samples += (excess + excess % 2) // 2
        self.news.set()

    async def on_control(self, control: Control) -> None:
        if control.view is not None:
            self.listener.view = known(control.view, len(self.studio.gallery))
        if control.finding is not None:
            self.listener.finding = control.finding
        if control.language is not None:
            if control.language not in self.studio.model.languages:
                raise Refused("the model does not hear this language")
            self.listener.language = control.language
        self.stopping |= control.stop
        self.news.set()

    async def _answer(self) -> None:
        while True:
            await self.news.wait()
            self.news.clear()
            if self.waiting:
                taken = bytes(self.waiting[:MOST_AT_ONCE])
                del self.waiting[:MOST_AT_ONCE]
                if self.waiting:
                    self.news.set()
                sound = np.frombuffer(taken, "<i2").astype(np.float32) / 32768
                await self._run(partial(self.listener.push, sound))
            if self.stopping and not self.waiting:
                self.stopping = False
                await self._run(self.listener.end)

    async def _run(self, work: Callable[[], Iterator[Message]]) -> None:
        """Do it on the thread of the model, and send what comes of it."""
        loop = asyncio.get_running_loop()
        with working(PAGE, "stream"):
            messages = await loop.run_in_executor(self.engine, lambda: list(work()))
        for message in messages:
            await self.send(message)


def known(view: list[int], count: int) -> list[int]:
    """Raises Refused for numbers of pictures that do not exist."""
    if any(number not in range(count) for number in view):
        raise Refused("there is no such picture")
    return view
