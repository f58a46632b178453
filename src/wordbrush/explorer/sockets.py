"""The WebSocket on which a page streams its microphone, and what it may send there."""

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.errors import optional_packages
from wordbrush.explorer.guards import Allowance
from wordbrush.explorer.listening import Listener, Message, Studio

with optional_packages():
    from aiohttp import WSCloseCode, WSMsgType, web

MOST_BYTES = 16 << 10  # of a message: half a second of sound
MOST_VIEWED = 24
AHEAD_SECONDS = 3.0  # of sound that may come faster than time passes, after a pause of the network
CONTROLS, CONTROL_BURST = 10.0, 40.0  # messages a second that are no sound, and at once
WAITING_SECONDS = 2.0  # of sound that waits for the model; more is dropped, and the page told
MOST_AT_ONCE = 2 * SAMPLE_RATE  # bytes: a second, which any way of hearing takes (hearing.py)
SEND_SECONDS = 10.0  # that a page may take to read what was sent
HEARTBEAT_SECONDS = 15.0


class Control(BaseModel):
    """What a page says. view: the pictures in view. finding: whether it shows hits.
    stop: the microphone was closed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    view: Annotated[list[int], Field(max_length=MOST_VIEWED)] | None = None
    finding: bool | None = None
    stop: bool = False


class Refused(Exception):
    """A page that sends what no page of ours does: the connection is closed, with this reason."""


class Connection:
    """One page.

    Sound that comes while the model is at work is heard together with what follows, so that a slow
    machine shows fewer pictures of light and not later ones.
    """

    def __init__(self, socket: web.WebSocketResponse, studio: Studio, engine: Executor):
        self.socket, self.studio, self.engine = socket, studio, engine
        self.listener = Listener(studio)
        self.bytes = Allowance(2 * SAMPLE_RATE, 2 * SAMPLE_RATE * AHEAD_SECONDS)
        self.controls = Allowance(CONTROLS, CONTROL_BURST)
        self.waiting = bytearray()
        self.stopping = False
        self.news = asyncio.Event()

    async def serve(self) -> None:
        """Until the page goes, or sends what it must not."""
        worker = asyncio.create_task(self._answer())
        reader = asyncio.create_task(self._receive())
        try:
            await asyncio.wait({worker, reader}, return_when=asyncio.FIRST_COMPLETED)
            for task in (reader, worker):
                if task.done() and not task.cancelled() and (error := task.exception()):
                    raise error
        except Refused as reason:
            await self.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=str(reason).encode())
        except (ConnectionError, TimeoutError):
            await self.socket.close(code=WSCloseCode.GOING_AWAY)
        finally:
            for task in (worker, reader):
                task.cancel()
            await asyncio.gather(worker, reader, return_exceptions=True)

    async def _receive(self) -> None:
        async for message in self.socket:
            if message.type == WSMsgType.BINARY:
                self._sound(message.data)
            elif message.type == WSMsgType.TEXT:
                self._control(message.data)
            self.news.set()

    def _sound(self, data: bytes) -> None:
        if len(data) % 2:
            raise Refused("sound is 16-bit samples")
        if not self.bytes.take(len(data)):
            raise Refused("sound comes faster than it is spoken")
        self.waiting += data
        excess = len(self.waiting) - round(2 * SAMPLE_RATE * WAITING_SECONDS)
        if excess > 0:
            del self.waiting[: excess + excess % 2]
            self.listener.heard_samples += (excess + excess % 2) // 2

    def _control(self, data: str) -> None:
        if not self.controls.take():
            raise Refused("too many messages")
        try:
            control = Control.model_validate(json.loads(data))
        except (ValidationError, ValueError, RecursionError):
            raise Refused("this is no message that the explorer knows") from None
        if control.view is not None:
            self.listener.view = known(control.view, len(self.studio.gallery))
        if control.finding is not None:
            self.listener.finding = control.finding
        self.stopping |= control.stop

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
        messages: list[dict[str, Any]] = await loop.run_in_executor(
            self.engine, lambda: list(work())
        )
        for message in messages:
            async with asyncio.timeout(SEND_SECONDS):
                await self.socket.send_json(message)


def known(view: list[int], count: int) -> list[int]:
    """Raises Refused for numbers of pictures that do not exist."""
    if any(number not in range(count) for number in view):
        raise Refused("there is no such picture")
    return view
