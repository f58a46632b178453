"""The collection's web server: who may ask what, and what is answered."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wordbrush.audio.sound import resample
from wordbrush.collector import pictures, recordings, speakers, tasks
from wordbrush.collector.checks import LONGEST, SHORTEST
from wordbrush.collector.consent import read_consent
from wordbrush.collector.recordings import MOST_BYTES
from wordbrush.collector.rooms import PAGE, Room
from wordbrush.collector.sockets import Recorder, checked
from wordbrush.collector.speakers import Failing, Speaker, Unasked
from wordbrush.collector.store import opened, served_alone
from wordbrush.collector.tasks import Quotas
from wordbrush.errors import WordbrushError, optional_packages
from wordbrush.serving import streams
from wordbrush.serving.decoding import Samples
from wordbrush.serving.guards import Access, Handler, access_of
from wordbrush.serving.metrics import working
from wordbrush.serving.sites import body, guarded, serve, static_file

with optional_packages():
    from aiohttp import web
    from aiohttp.typedefs import Middleware

MOST_TEXT_BYTES = 4 << 10
MOST_FILE_BYTES = 8 << 20
MOST_RECORDERS = 128
MOST_AT_ONCE = 1000  # links that are made by one request
COOKIE, OWNER_COOKIE = "wordbrush_speaker", "wordbrush_owner"
COOKIE_SECONDS = 30 * 86400
SWEEP_SECONDS = 3600.0
ROOM = web.AppKey("room", Room)
RECORDERS = web.AppKey("recorders", dict[int, Recorder])
Shape = TypeVar("Shape", bound=BaseModel)


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Token(Message):
    token: Annotated[str, Field(max_length=100)]


class Agreement(Message):
    version: Annotated[str, Field(max_length=100)]
    language: Annotated[str, Field(max_length=100)]


class Links(Message):
    count: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)]


class Link(Message):
    number: Annotated[int, Field(ge=1, lt=1 << 53)]


def application(room: Room, access: Access) -> web.Application:
    """The routes."""
    app = guarded(access, "wordbrush.collector", MOST_FILE_BYTES)
    app.middlewares.append(answering())
    app[ROOM], app[RECORDERS] = room, {}
    app.add_routes(
        [
            web.get("/owner", owner_page),
            web.get("/healthz", health),
            web.post("/api/enter", enter),
            web.get("/api/state", state),
            web.post("/api/consent", consent),
            web.post("/api/task", task),
            web.post("/api/submit", submit),
            web.post("/api/receipt", receipt),
            web.post("/api/delete", delete),
            web.post("/api/file/{picture:[0-9a-f]{64}}", file),
            web.get("/api/recordings/{picture:[0-9a-f]{64}}.flac", recording),
            web.get("/api/record", record),
            web.get("/pictures/{picture:[0-9a-f]{64}}", picture),
            web.get("/api/owner", progress),
            web.post("/api/owner/links", links),
            web.post("/api/owner/close", close),
        ]
    )
    app.on_shutdown.append(leave)
    app.cleanup_ctx.append(sweeping)
    return app


def answering() -> Middleware:
    """What cannot be done is one sentence."""

    @web.middleware
    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except (Unasked, WordbrushError) as reason:
            status = 503 if isinstance(reason, Failing) else 422
            return web.json_response({"error": f"{str(reason).rstrip('.')}."}, status=status)

    return answered


async def leave(app: web.Application) -> None:
    await streams.hang_up({one.socket for one in app[RECORDERS].values()})


async def sweeping(app: web.Application) -> AsyncIterator[None]:
    """Give up what was not submitted in time, at once and every hour."""

    async def sweep() -> None:
        while True:
            with contextlib.suppress(Failing):  # which is logged, and may have passed in an hour
                await app[ROOM].ask(tasks.expire, time.time())
                await app[ROOM].ask(recordings.sweep)
            await asyncio.sleep(SWEEP_SECONDS)

    sweeper = asyncio.create_task(sweep())
    yield
    sweeper.cancel()
    app[ROOM].close()


async def owner_page(request: web.Request) -> web.Response:
    return static_file(request, "owner.html")


async def health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok", "recorders": len(request.app[RECORDERS])})


async def _message(request: web.Request, shape: type[Shape]) -> Shape:
    try:
        return shape.model_validate_json(await body(request, MOST_TEXT_BYTES))
    except ValidationError:
        raise web.HTTPBadRequest(reason="this is no message that the page sends") from None


async def _speaker(request: web.Request) -> Speaker:
    token = request.cookies.get(COOKIE, "")
    found = await request.app[ROOM].ask(speakers.speaker_of, token) if token else None
    if found is None:
        raise web.HTTPUnauthorized(reason="open the link with which you were invited")
    return found


async def _agreed(request: web.Request) -> Speaker:
    return await request.app[ROOM].agreed(await _speaker(request))


async def _require_owner(request: web.Request) -> None:
    token = request.cookies.get(OWNER_COOKIE, "")
    if not token or not await request.app[ROOM].ask(speakers.is_owner, token):
        raise web.HTTPUnauthorized(reason="open the address that was printed at the start")


async def enter(request: web.Request) -> web.Response:
    """A link's token becomes a cookie. It comes in the part of the address after #, which browsers
    do not send, so no log of a proxy holds it."""
    room, token = request.app[ROOM], (await _message(request, Token)).token
    if await room.ask(speakers.is_owner, token):
        name = OWNER_COOKIE
    elif await room.ask(speakers.speaker_of, token) is not None:
        name = COOKIE
    else:
        raise web.HTTPUnauthorized(reason="this link is not valid, or was closed")
    answer = web.json_response({"owner": name == OWNER_COOKIE})
    answer.set_cookie(
        name,
        token,
        max_age=COOKIE_SECONDS,
        httponly=True,
        secure=room.secure,
        samesite="Strict",
        path="/",
    )
    return answer


async def state(request: web.Request) -> web.Response:
    """What the page shows."""
    speaker = await _speaker(request)
    return web.json_response(await _state(request.app[ROOM], speaker))


async def _state(room: Room, speaker: Speaker) -> dict[str, Any]:
    return {
        "consent": room.consent.model_dump(),
        "agreed": speaker.consent == room.consent.version,
        "language": speaker.language,
        "task": await room.ask(tasks.task, speaker),
        "submitted": await room.ask(tasks.submitted, speaker),
        "most": room.quotas.a_speaker,
        "seconds": {"least": SHORTEST, "most": LONGEST},
        "mostBytes": {"recording": MOST_BYTES, "file": MOST_FILE_BYTES},
    }


async def consent(request: web.Request) -> web.Response:
    room, speaker = request.app[ROOM], await _speaker(request)
    said = await _message(request, Agreement)
    await room.ask(speakers.agree, speaker, room.consent, said.version, said.language)
    return await _given(room, await _speaker(request))


async def task(request: web.Request) -> web.Response:
    """Give the next pictures, unless some are open."""
    return await _given(request.app[ROOM], await _agreed(request))


async def _given(room: Room, speaker: Speaker) -> web.Response:
    await room.ask(tasks.give, speaker, room.quotas)
    return web.json_response(await _state(room, speaker))


async def submit(request: web.Request) -> web.Response:
    speaker = await _agreed(request)
    return web.json_response({"receipt": await request.app[ROOM].ask(tasks.submit, speaker)})


async def receipt(request: web.Request) -> web.Response:
    """Another receipt for what was submitted: only hashes of those that were given are kept."""
    speaker = await _speaker(request)
    return web.json_response({"receipt": await request.app[ROOM].ask(tasks.receipt_again, speaker)})


async def delete(request: web.Request) -> web.Response:
    """A receipt is enough: its holder may have lost the link."""
    token = (await _message(request, Token)).token
    return web.json_response({"deleted": await request.app[ROOM].ask(speakers.delete, token)})


async def picture(request: web.Request) -> web.StreamResponse:
    await _speaker(request)
    path = await request.app[ROOM].ask(pictures.picture_of, request.match_info["picture"])
    if path is None:
        raise web.HTTPNotFound(reason="there is no such picture")
    return web.FileResponse(path, headers={"Cache-Control": "private, max-age=86400"})


async def recording(request: web.Request) -> web.Response:
    speaker = await _speaker(request)
    flac = await request.app[ROOM].ask(recordings.flac_of, speaker, request.match_info["picture"])
    return web.Response(body=flac, content_type="audio/flac")


async def file(request: web.Request) -> web.Response:
    """A sound file in place of a recording. Its own content is not kept, but its samples are."""
    room, speaker = request.app[ROOM], await _agreed(request)
    number = request.match_info["picture"]
    await room.ask(recordings.require_given, speaker, number)
    with room.one_file(speaker):
        content = await body(request, MOST_FILE_BYTES)
        room.require_try(speaker)
        with working(PAGE, "decode"):
            decoded = await room.decoder.decode(content, LONGEST)
        samples = await asyncio.to_thread(sixteen_bits, decoded)
        why, seconds = await room.judge(speaker, number, "file", samples)
    return web.json_response(checked(number, "file", seconds, why))


def sixteen_bits(samples: Samples) -> np.ndarray:
    """int16 [S] at 16 kHz: the mean of the channels."""
    mono = resample(samples.sound.mean(1, dtype=np.float32), samples.rate)
    return (mono * 32767).round().clip(-32768, 32767).astype("<i2")


async def record(request: web.Request) -> web.StreamResponse:
    speaker, recorders = await _agreed(request), request.app[RECORDERS]
    if speaker.number not in recorders and len(recorders) >= MOST_RECORDERS:
        raise web.HTTPServiceUnavailable(reason="too many people record at once: try later")
    recorder = Recorder(await streams.opened(request), request.app[ROOM], speaker)
    if (before := recorders.get(speaker.number)) is not None:
        before.replace()
    recorders[speaker.number] = recorder
    try:
        await recorder.record()
    finally:
        if recorders.get(speaker.number) is recorder:
            del recorders[speaker.number]
    return recorder.socket


async def progress(request: web.Request) -> web.Response:
    await _require_owner(request)
    room = request.app[ROOM]
    return web.json_response(await room.ask(speakers.progress, room.quotas.a_picture))


async def links(request: web.Request) -> web.Response:
    await _require_owner(request)
    await request.app[ROOM].ask(speakers.invite, (await _message(request, Links)).count)
    return await progress(request)


async def close(request: web.Request) -> web.Response:
    await _require_owner(request)
    number = (await _message(request, Link)).number
    await request.app[ROOM].ask(speakers.close, number)
    if (recorder := request.app[RECORDERS].pop(number, None)) is not None:
        recorder.shut()
    return await progress(request)


def collect(
    source: Path,
    folder: Path,
    host: str,
    port: int,
    address: str | None,
    consent_file: Path | None,
    quotas: Quotas,
) -> None:
    """Serve the page until a signal comes.

    source: pictures. folder: the store. address: under which people reach it, through a proxy.
    Raises WordbrushError for what cannot be shown, a store that is served already, a port that is
    taken.
    """
    access, agreed = access_of(host, address, None), read_consent(consent_file)
    with opened(folder) as store, served_alone(folder):
        speakers.keep_consent(store, agreed)
        count = pictures.take_in(store, source)
        room = Room(store, agreed, quotas, access.secure)
        token = speakers.owner_token(store)

        def tell(local: str) -> None:
            place = address.rstrip("/") + "/" if address else local
            print(f"{count} pictures. Invite and see progress at {place}owner#{token}", flush=True)
            print("Keep this address to yourself. Ctrl-C ends the server.", flush=True)

        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(application(room, access), host, port, tell))
