"""The explorer's web server: one process, the page, its pictures, and what listens."""

import asyncio
import contextlib
import logging
import re
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wordbrush.errors import WordbrushError, optional_packages, refusal
from wordbrush.explorer import sounds
from wordbrush.explorer.easel import MOST_DRAWINGS, MOST_EDITS, Recipe
from wordbrush.explorer.gallery import drawn_gallery
from wordbrush.explorer.guards import LOOPBACK, Access, Allowance, guard
from wordbrush.explorer.listening import Message, Studio
from wordbrush.explorer.sockets import (
    HEARTBEAT_SECONDS,
    MOST_BYTES,
    MOST_VIEWED,
    Connection,
    Refused,
    known,
)
from wordbrush.model import load_model

with optional_packages():
    from aiohttp import WSCloseCode, web
    from aiohttp.http_exceptions import HttpProcessingError

MOST_LISTENERS = 16
SOUNDS, SOUND_BURST = 1.0, 8.0  # typed words and files a second, of all pages, and at once
DRAWN, DRAWN_BURST = 20.0, 40.0  # drawings a second, of all pages, and at once
MOST_WAITING = 16  # drawings that wait for the model
MOST_RECIPE_BYTES = 8 << 10
SHUTDOWN_SECONDS = 3.0
SEED = 27  # of the drawings of the gallery
TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

NUMBERS = re.compile(rf"[0-9]{{1,6}}(,[0-9]{{1,6}}){{0,{MOST_VIEWED - 1}}}")


@dataclass
class Hall:
    """What the handlers share. engine: the one thread on which the model works."""

    studio: Studio
    page: dict[str, bytes]
    engine: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "model"))
    sockets: set[web.WebSocketResponse] = field(default_factory=set)
    allowance: Allowance = field(default_factory=lambda: Allowance(SOUNDS, SOUND_BURST))
    drawn: Allowance = field(default_factory=lambda: Allowance(DRAWN, DRAWN_BURST))
    drawing: int = 0  # drawings that wait or are made


HALL = web.AppKey("hall", Hall)


class Said(BaseModel):
    """The body of /api/say."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str
    view: Annotated[list[int], Field(max_length=MOST_VIEWED)]


def application(studio: Studio, access: Access) -> web.Application:
    """The routes. Pages to come (collect) add theirs here."""
    app = web.Application(middlewares=[guard(access)], client_max_size=sounds.MOST_BYTES)
    app[HALL] = Hall(studio, static_files())
    app.add_routes(
        [
            web.get("/", page),
            web.get("/static/{name}", page),
            web.get("/healthz", health),
            web.get("/api/gallery", gallery),
            web.get("/pictures/{number:[0-9]{1,6}}.png", picture),
            web.get("/api/listen", listen),
            web.post("/api/say", say),
            web.post("/api/hear", hear),
            web.get("/api/concepts", concepts),
            web.post("/api/draw", draw),
        ]
    )
    app.on_shutdown.append(hang_up)
    app.cleanup_ctx.append(working)
    return app


def static_files() -> dict[str, bytes]:
    """The page's files by name. They are read once: no request's path ever reaches the disk."""
    folder = files("wordbrush.explorer") / "static"
    return {
        one.name: one.read_bytes() for one in folder.iterdir() if Path(one.name).suffix in TYPES
    }


async def working(app: web.Application) -> AsyncIterator[None]:
    yield
    app[HALL].engine.shutdown(wait=False, cancel_futures=True)


async def hang_up(app: web.Application) -> None:
    """Pages learn that the server goes, and begin to look for it again."""
    for socket in set(app[HALL].sockets):
        await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the server is going down")


async def page(request: web.Request) -> web.Response:
    name = request.match_info.get("name", "index.html")
    content = request.app[HALL].page.get(name)
    if content is None:
        raise web.HTTPNotFound(reason="there is no such file")
    return web.Response(body=content, content_type=TYPES[Path(name).suffix], charset="utf-8")


async def health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok", "listeners": len(request.app[HALL].sockets)})


async def gallery(request: web.Request) -> web.Response:
    studio = request.app[HALL].studio
    height, width = studio.gallery.cells
    return web.json_response(
        {
            "pictures": len(studio.gallery),
            "cells": {"height": height, "width": width},
            "frameSeconds": studio.frame_seconds,
            "method": studio.model.config.method,
            "mostCharacters": sounds.MOST_CHARACTERS,
            "mostBytes": sounds.MOST_BYTES,
            "drawings": len(studio.easel.latents),
            "mostEdits": MOST_EDITS,
            "drawnCells": studio.easel.size,
            "drawnUnits": studio.easel.h4.shape[1],
            "seed": SEED,
        }
    )


async def picture(request: web.Request) -> web.Response:
    studio, number = request.app[HALL].studio, int(request.match_info["number"])
    if number >= len(studio.gallery):
        raise web.HTTPNotFound(reason="there is no such picture")
    return web.Response(body=studio.gallery.png(number), content_type="image/png")


async def listen(request: web.Request) -> web.StreamResponse:
    hall = request.app[HALL]
    if len(hall.sockets) >= MOST_LISTENERS:
        raise web.HTTPServiceUnavailable(reason="as many people as fit are listened to: try later")
    socket = web.WebSocketResponse(
        heartbeat=HEARTBEAT_SECONDS, max_msg_size=MOST_BYTES, compress=False
    )
    await socket.prepare(request)
    hall.sockets.add(socket)
    try:
        await Connection(socket, hall.studio, hall.engine).serve()
    finally:
        hall.sockets.discard(socket)
    return socket


async def say(request: web.Request) -> web.Response:
    try:
        said = Said.model_validate_json(await request.read())
    except ValidationError:
        raise web.HTTPBadRequest(reason="this is no message that the explorer knows") from None
    return await _whole(request, said.view, partial(sounds.say, _studio(request), said.text))


async def hear(request: web.Request) -> web.Response:
    if not NUMBERS.fullmatch(numbers := request.query.get("view", "")):
        raise web.HTTPBadRequest(reason="view is numbers of pictures with commas between them")
    view = [int(one) for one in numbers.split(",")]
    content = await request.read()
    return await _whole(request, view, partial(sounds.hear_file, _studio(request), content))


async def concepts(request: web.Request) -> web.Response:
    return web.json_response(_studio(request).concepts)


async def draw(request: web.Request) -> web.Response:
    """A recipe, drawn on the model's thread."""
    hall = request.app[HALL]
    if request.content_length is None or request.content_length > MOST_RECIPE_BYTES:
        raise web.HTTPRequestEntityTooLarge(MOST_RECIPE_BYTES, request.content_length or 0)
    try:
        recipe = Recipe.model_validate_json(await request.read())
    except ValidationError:
        raise web.HTTPBadRequest(reason="this is no drawing that the explorer knows") from None
    if hall.drawing >= MOST_WAITING or not hall.drawn.take():
        raise web.HTTPTooManyRequests(reason="too many drawings at once: wait a second")
    hall.drawing += 1
    try:
        return await _answered(hall, partial(hall.studio.easel.draw, recipe))
    finally:
        hall.drawing -= 1


def _studio(request: web.Request) -> Studio:
    return request.app[HALL].studio


async def _whole(
    request: web.Request, view: list[int], work: Callable[[list[int]], Message]
) -> web.Response:
    """A whole sound, heard."""
    hall = request.app[HALL]
    if not hall.allowance.take():
        raise web.HTTPTooManyRequests(reason="too many sounds at once: wait a second")
    return await _answered(hall, lambda: work(known(view, len(hall.studio.gallery))))


async def _answered(hall: Hall, work: Callable[[], Message]) -> web.Response:
    """What the model answers, on its thread; what it cannot answer is one sentence."""
    try:
        answer = await asyncio.get_running_loop().run_in_executor(hall.engine, work)
    except (WordbrushError, Refused) as error:
        return web.json_response({"error": str(error)}, status=422)
    return web.json_response(answer)


def explore(
    folder: Path, host: str, port: int, token: str | None, pictures: int, gallery: Path | None
) -> None:
    """Serve the page on the model in `folder` until a signal comes.

    pictures: how many are searched at most, of drawings or of the folder or collection `gallery`.
    Raises WordbrushError for a host beyond loopback without a token, and a port that is taken.
    """
    if host not in LOOPBACK and not token:
        raise WordbrushError(
            f"--host {host} can be reached from other machines: give a --token, which visitors "
            "must know."
        )
    if token is not None and (len(token) < 8 or not token.isascii() or not token.isalnum()):
        raise WordbrushError("--token needs 8 letters and digits or more.")
    model = load_model(folder)
    own = None
    if gallery:
        from wordbrush.explorer.own import own_gallery  # needs the extra `data`

        own = own_gallery(model, gallery, pictures)
    drawings = drawn_gallery(model, MOST_DRAWINGS if own else pictures, SEED)
    studio = Studio.of(model, drawings, SEED, own)
    hosts = LOOPBACK if host in LOOPBACK else None
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(application(studio, Access(hosts, token)), host, port, token))


async def _serve(app: web.Application, host: str, port: int, token: str | None) -> None:
    runner = runner_of(app, SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await _start(runner, host, port)
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        print(f"The explorer is at {_address(runner, host, token)} (Ctrl-C ends it).", flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


def runner_of(app: web.Application, shutdown_seconds: float) -> web.AppRunner:
    """What serves it: aiohttp, without its tracebacks for requests that are no HTTP.

    Such a request, for instance one without Host, is answered with 400. Anybody may send them, so
    they must not fill a log.
    """
    logger = logging.getLogger("wordbrush.explorer.http")
    logger.addFilter(_is_fault)
    return web.AppRunner(app, access_log=None, shutdown_timeout=shutdown_seconds, logger=logger)


def _is_fault(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


async def _start(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise WordbrushError(
            f"{host}:{port} cannot be listened at ({refusal(error)}): choose another --port, or 0 "
            "for any that is free."
        ) from None


def _address(runner: web.AppRunner, host: str, token: str | None) -> str:
    port = runner.addresses[0][1]
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")
