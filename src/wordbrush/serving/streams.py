"""The WebSocket on which a page streams its microphone, and what it may send there."""

import asyncio
import contextlib
import json
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.errors import optional_packages
from wordbrush.serving.guards import Allowance

with optional_packages():
    from aiohttp import WSCloseCode, WSMsgType, web

MOST_BYTES = 16 << 10  # of a message: half a second of sound
SAMPLE_BYTES = 2
CONTROLS, CONTROL_BURST = 10.0, 40.0  # messages a second that are no sound, and at once
SEND_SECONDS = 10.0  # that a page may take to read what was sent
LEAVE_SECONDS = 2.0  # that all pages together may take to say goodbye
HEARTBEAT_SECONDS = 15.0
ALIVE = "alive"  # a page says it to hear it back: scripts do not see the pings of WebSockets
Control = TypeVar("Control", bound=BaseModel)


class Refused(Exception):
    """A page that sends what no page of ours does: the connection is closed, with this reason."""


class SoundStream(Generic[Control]):
    """One page: 16-bit samples at 16 kHz, one channel, and messages of the type `control`.

    ahead: seconds of sound that may come faster than time passes, after a pause of the network.
    """

    def __init__(self, socket: web.WebSocketResponse, control: type[Control], ahead: float):
        self.socket, self.control = socket, control
        rate = SAMPLE_BYTES * SAMPLE_RATE
        self.bytes = Allowance(rate, rate * ahead)
        self.controls = Allowance(CONTROLS, CONTROL_BURST)

    async def on_sound(self, data: bytes) -> None:
        raise NotImplementedError

    async def on_control(self, control: Control) -> None:
        raise NotImplementedError

    async def receive(self) -> None:
        """Until the page goes. Raises Refused for what it must not send."""
        async for message in self.socket:
            if message.type == WSMsgType.BINARY:
                if len(message.data) % SAMPLE_BYTES:
                    raise Refused("sound is 16-bit samples")
                if not self.bytes.take(len(message.data)):
                    raise Refused("sound comes faster than it is spoken")
                await self.on_sound(message.data)
            elif message.type == WSMsgType.TEXT:
                if not self.controls.take():
                    raise Refused("too many messages")
                if message.data == ALIVE:
                    await self.send({"type": ALIVE})
                    continue
                await self.on_control(self._parsed(message.data))

    def _parsed(self, data: str) -> Control:
        try:
            return self.control.model_validate(json.loads(data))
        except (ValidationError, ValueError, RecursionError):
            raise Refused("this is no message that the page sends") from None

    async def send(self, message: dict[str, Any]) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self.socket.send_json(message)

    async def serve(self, *workers: asyncio.Task[None]) -> None:
        """Receive, with workers beside, until one of them ends; then the others are ended."""
        tasks = [asyncio.create_task(self.receive()), *workers]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done() and not task.cancelled() and (error := task.exception()):
                    raise error
        except Refused as reason:
            await self.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=str(reason).encode())
        except (ConnectionError, TimeoutError):
            await self.socket.close(code=WSCloseCode.GOING_AWAY)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def opened(request: web.Request) -> web.WebSocketResponse:
    """The WebSocket of a request."""
    socket = web.WebSocketResponse(
        heartbeat=HEARTBEAT_SECONDS, max_msg_size=MOST_BYTES, compress=False
    )
    await socket.prepare(request)
    return socket


async def hang_up(sockets: set[web.WebSocketResponse]) -> None:
    """Pages learn that the server goes, and begin to look for it again."""
    ends = [
        socket.close(code=WSCloseCode.GOING_AWAY, message=b"the server is going down")
        for socket in set(sockets)
    ]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LEAVE_SECONDS):
            await asyncio.gather(*ends)
