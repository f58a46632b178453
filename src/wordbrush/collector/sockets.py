"""The WebSocket on which a page records: sound is kept as it comes, and checked at its end.

The page names each attempt by a number of its own, and keeps its sound until the attempt is
checked. After a break it names the attempt again, hears how many bytes are kept, and goes on from
there.
"""

import asyncio
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from wordbrush.collector import recordings
from wordbrush.collector.checks import LONGEST, Reason
from wordbrush.collector.recordings import MOST_BYTES, Part
from wordbrush.collector.rooms import Room
from wordbrush.collector.speakers import Speaker, Unasked
from wordbrush.errors import optional_packages
from wordbrush.serving.streams import Refused, SoundStream

with optional_packages():
    from aiohttp import WSCloseCode, web

TAKEN = 4001  # the code of the end of a page that another one replaces (connection.js)


class Begin(BaseModel):
    """picture: its hash. attempt: a random number of the page."""

    model_config = ConfigDict(extra="forbid", strict=True)

    picture: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    attempt: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Control(BaseModel):
    """What a page says: an attempt begins or goes on; it has ended, after so many bytes; or it is
    given up."""

    model_config = ConfigDict(extra="forbid", strict=True)

    begin: Begin | None = None
    finish: Annotated[int, Field(ge=0, le=MOST_BYTES)] | None = None
    drop: bool = False


class Recorder(SoundStream[Control]):
    """One page of one speaker."""

    def __init__(self, socket: web.WebSocketResponse, room: Room, speaker: Speaker):
        super().__init__(socket, Control, LONGEST)
        self.room, self.speaker = room, speaker
        self.part: Part | None = None
        self.ending: asyncio.Task[bool] | None = None

    async def record(self) -> None:
        """Until the page goes, or sends what it must not. What was kept stays."""
        try:
            await self.serve()
        finally:
            self._release()

    def replace(self) -> None:
        """Another page of the same speaker has come: this one writes nothing more."""
        self._end(TAKEN, "opened elsewhere")

    def shut(self) -> None:
        """The link was closed: this page writes nothing more."""
        self._end(WSCloseCode.POLICY_VIOLATION, "this link was closed")

    def _end(self, code: int, reason: str) -> None:
        """The connection may be dead, so nobody waits for its end."""
        self._release()
        self.ending = asyncio.create_task(self.socket.close(code=code, message=reason.encode()))

    def _release(self) -> None:
        if self.part is not None:
            self.part.close()
            self.part = None

    async def on_sound(self, data: bytes) -> None:
        if self.part is None:
            return
        try:
            fits = self.part.append(data)
        except Unasked as reason:
            await self._stop(reason)
            return
        if not fits:
            raise Refused("the recording is longer than it may be")

    async def on_control(self, control: Control) -> None:
        try:
            if control.begin is not None:
                await self._begin(control.begin)
            elif self.part is not None and control.finish is not None:
                await self._finish(self.part, control.finish)
            elif control.drop:
                self._forget()
        except Unasked as reason:
            await self._stop(reason)

    async def _stop(self, reason: Unasked) -> None:
        self._forget()
        await self.send({"type": "stopped", "reason": f"{reason}."})

    def _forget(self) -> None:
        if self.part is not None:
            self.part.drop()
            self.part = None

    async def _begin(self, begin: Begin) -> None:
        if self.ending is not None:
            raise Refused("opened elsewhere")
        self._release()
        known = await self.room.ask(recordings.accepted_before, self.speaker, begin.attempt)
        if known is not None:  # what was said of it did not arrive
            await self.send(checked(begin.picture, begin.attempt, known["seconds"], []))
            return
        speaker = await self.room.agreed(self.speaker)
        self.part = await self.room.ask(recordings.begin, speaker, begin.picture, begin.attempt)
        await self._ready(self.part)

    async def _ready(self, part: Part) -> None:
        await self.send({"type": "ready", "attempt": part.attempt, "bytes": part.size})

    async def _finish(self, part: Part, size: int) -> None:
        if part.size != size:  # the page sends the rest, or begins anew
            await self._ready(part)
            return
        self.room.require_try(self.speaker)
        why, seconds = await self.room.judge(
            part.speaker, part.picture, part.attempt, part.samples()
        )
        self._forget()
        await self.send(checked(part.picture, part.attempt, seconds, why))


def checked(picture: str, attempt: str, seconds: float, why: list[Reason]) -> dict[str, Any]:
    """What the page is told of a recording."""
    return {
        "type": "checked",
        "picture": picture,
        "attempt": attempt,
        "seconds": round(seconds, 1),
        "accepted": not why,
        "reasons": [one.text for one in why],
        "codes": [one.code for one in why],
    }
