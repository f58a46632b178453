"""The explorer's web server: one process, the page, its pictures, and what listens."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wordbrush.audio.inputs import LONGEST
from wordbrush.errors import WordbrushError, optional_packages
from wordbrush.evaluation.interface import needed
from wordbrush.explorer import sounds
from wordbrush.explorer.easel import MOST_DRAWINGS, MOST_EDITS, Easel, Recipe
from wordbrush.explorer.gallery import drawn_gallery, png
from wordbrush.explorer.listening import Message, Studio
from wordbrush.explorer.sockets import MOST_VIEWED, PAGE, Connection, known
from wordbrush.model import load_model
from wordbrush.serving.decoding import Decoder
from wordbrush.serving.guards import Access, Allowance, access_of
from wordbrush.serving.metrics import working
from wordbrush.serving.sites import Place, body, guarded, require_guarded, serve
from wordbrush.serving.streams import Refused, hang_up, opened

with optional_packages():
    from aiohttp import web

MOST_LISTENERS = 16
SOUNDS, SOUND_BURST = 1.0, 8.0  # typed words and files a second, of all pages, and at once
DRAWN, DRAWN_BURST = 20.0, 40.0  # drawings a second, of all pages, and at once
PAINTED, PAINTED_BURST = 60.0, 120.0  # hits of an index that are shown a second, and at once
KEPT = 1024  # of them, as files
MOST_WAITING = 16  # drawings that wait for the model
MOST_PAINTED = 48  # pictures of an index that wait: those of four pages
SEEN_AGAIN = {"Cache-Control": "private, max-age=30"}  # hits come and go while somebody speaks
MOST_TEXT_BYTES = 128 << 10  # of typed words and what is in view
MOST_RECIPE_BYTES = 8 << 10
SEED = 27  # of the drawings of the gallery
NUMBERS = re.compile(rf"[0-9]{{1,6}}(,[0-9]{{1,6}}){{0,{MOST_VIEWED - 1}}}")


@dataclass
class Hall:
    """What the handlers share.

    engine: the one thread on which the model works. painter: that on which pictures of an index are
    read or drawn, so that light does not wait for them.
    """

    studio: Studio
    engine: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "model"))
    painter: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "painter"))
    sockets: set[web.WebSocketResponse] = field(default_factory=set)
    allowance: Allowance = field(default_factory=lambda: Allowance(SOUNDS, SOUND_BURST))
    drawn: Allowance = field(default_factory=lambda: Allowance(DRAWN, DRAWN_BURST))
    painted: Allowance = field(default_factory=lambda: Allowance(PAINTED, PAINTED_BURST))
    decoder: Decoder = field(default_factory=Decoder)
    drawing: int = 0  # drawings that wait or are made
    painting: int = 0  # pictures of an index that wait or are made

    def __post_init__(self) -> None:
        self.hit = lru_cache(KEPT)(self._hit)

    def _hit(self, number: int) -> bytes:
        """A picture of the index, as a file."""
        index = needed(self.studio.index)
        return png(index.pictures(self.studio.model, [number])[0])


HALL = web.AppKey("hall", Hall)


class Said(BaseModel):
    """The body of /api/say."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str
    language: str | None = None
    view: Annotated[list[int], Field(max_length=MOST_VIEWED)]


def application(studio: Studio, access: Access) -> web.Application:
    """The routes."""
    app = guarded(access, "wordbrush.explorer", sounds.MOST_BYTES)
    app[HALL] = Hall(studio)
    app.add_routes(
        [
            web.get("/healthz", health),
            web.get("/api/gallery", gallery),
            web.get("/pictures/{number:[0-9]{1,9}}.png", picture),
            web.get("/api/listen", listen),
            web.post("/api/say", say),
            web.post("/api/hear", hear),
            web.get("/api/concepts", concepts),
            web.post("/api/draw", draw),
        ]
    )
    app.on_shutdown.append(leave)
    app.cleanup_ctx.append(ending)
    return app


async def ending(app: web.Application) -> AsyncIterator[None]:
    yield
    for one in (app[HALL].engine, app[HALL].painter):
        one.shutdown(wait=False, cancel_futures=True)


async def leave(app: web.Application) -> None:
    await hang_up(app[HALL].sockets)


async def health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok", "listeners": len(request.app[HALL].sockets)})


async def gallery(request: web.Request) -> web.Response:
    studio = request.app[HALL].studio
    height, width = studio.gallery.cells
    return web.json_response(
        {
            "pictures": len(studio.gallery),
            "searched": studio.searched,
            "cells": {"height": height, "width": width},
            "frameSeconds": studio.frame_seconds,
            "method": studio.model.config.method,
            "languages": studio.model.languages,
            "mostCharacters": sounds.MOST_CHARACTERS,
            "mostBytes": sounds.MOST_BYTES,
            **({} if studio.easel is None else drawing_facts(studio.easel)),
        }
    )


def drawing_facts(easel: Easel) -> dict[str, int]:
    """What the page must know to draw; it does not know it where the model does not draw."""
    return {
        "drawings": len(easel.latents),
        "mostEdits": MOST_EDITS,
        "drawnCells": easel.size,
        "drawnUnits": easel.h4.shape[1],
        "seed": SEED,
    }


async def picture(request: web.Request) -> web.Response:
    hall, number = request.app[HALL], int(request.match_info["number"])
    gallery, index = hall.studio.gallery, hall.studio.index
    if number >= hall.studio.searched:
        raise web.HTTPNotFound(reason="there is no such picture")
    if index is None or number < len(gallery):
        return web.Response(body=gallery.png(number), content_type="image/png")
    if hall.painting >= MOST_PAINTED or not hall.painted.take():
        raise web.HTTPTooManyRequests(reason="too many pictures at once: wait a second")
    hall.painting += 1
    try:
        file = await asyncio.get_running_loop().run_in_executor(hall.painter, hall.hit, number)
    finally:
        hall.painting -= 1
    return web.Response(body=file, content_type="image/png", headers=SEEN_AGAIN)


async def listen(request: web.Request) -> web.StreamResponse:
    hall = request.app[HALL]
    if len(hall.sockets) >= MOST_LISTENERS:
        raise web.HTTPServiceUnavailable(reason="as many people as fit are listened to: try later")
    socket = await opened(request)
    hall.sockets.add(socket)
    try:
        await Connection(socket, hall.studio, hall.engine).listen()
    finally:
        hall.sockets.discard(socket)
    return socket


async def say(request: web.Request) -> web.Response:
    try:
        said = Said.model_validate_json(await body(request, MOST_TEXT_BYTES))
    except ValidationError:
        raise web.HTTPBadRequest(reason="this is no message that the explorer knows") from None
    _require_allowance(request)
    return await _whole(
        request, said.view, partial(sounds.say, _studio(request), said.text, said.language)
    )


async def hear(request: web.Request) -> web.Response:
    if not NUMBERS.fullmatch(numbers := request.query.get("view", "")):
        raise web.HTTPBadRequest(reason="view is numbers of pictures with commas between them")
    view = [int(one) for one in numbers.split(",")]
    content = await body(request, sounds.MOST_BYTES)
    _require_allowance(request)
    try:
        with working(PAGE, "decode"):
            samples = await request.app[HALL].decoder.decode(content, LONGEST)
    except WordbrushError as error:
        return web.json_response({"error": str(error)}, status=422)
    language = request.query.get("language")
    work = partial(sounds.hear_samples, _studio(request), samples, language)
    return await _whole(request, view, work)


async def concepts(request: web.Request) -> web.Response:
    return web.json_response(_studio(request).concepts)


async def draw(request: web.Request) -> web.Response:
    """A recipe, drawn on the model's thread."""
    hall = request.app[HALL]
    try:
        recipe = Recipe.model_validate_json(await body(request, MOST_RECIPE_BYTES))
    except ValidationError:
        raise web.HTTPBadRequest(reason="this is no drawing that the explorer knows") from None
    if hall.studio.easel is None:
        raise web.HTTPNotFound(reason="this model does not draw")
    if hall.drawing >= MOST_WAITING or not hall.drawn.take():
        raise web.HTTPTooManyRequests(reason="too many drawings at once: wait a second")
    hall.drawing += 1
    try:
        return await _answered(hall, "draw", partial(hall.studio.easel.draw, recipe))
    finally:
        hall.drawing -= 1


def _studio(request: web.Request) -> Studio:
    return request.app[HALL].studio


def _require_allowance(request: web.Request) -> None:
    if not request.app[HALL].allowance.take():
        raise web.HTTPTooManyRequests(reason="too many sounds at once: wait a second")


async def _whole(
    request: web.Request, view: list[int], work: Callable[[list[int]], Message]
) -> web.Response:
    """A whole sound, heard."""
    hall = request.app[HALL]
    return await _answered(hall, "hear", lambda: work(known(view, len(hall.studio.gallery))))


async def _answered(hall: Hall, kind: str, work: Callable[[], Message]) -> web.Response:
    """What the model answers, on its thread; what it cannot answer is one sentence.

    kind: of work, in metrics.
    """
    try:
        with working(PAGE, kind):
            answer = await asyncio.get_running_loop().run_in_executor(hall.engine, work)
    except (WordbrushError, Refused) as error:
        return web.json_response({"error": str(error)}, status=422)
    return web.json_response(answer)


@dataclass(frozen=True)
class Shown:
    """What people see: so many pictures at most, of drawings, or of the folder or collection
    `gallery`, or of the index, all of which is searched."""

    pictures: int
    gallery: Path | None = None
    index: Path | None = None


def prepared(folder: Path, shown: Shown) -> Studio:
    """The model in `folder` with what is shown and searched.

    Raises WordbrushError for what cannot be shown, and a gallery and an index at once.
    """
    if shown.gallery and shown.index:
        raise WordbrushError("--gallery and --index exclude each other: name one of them.")
    model = load_model(folder)
    own, searched = None, None
    if shown.gallery:
        from wordbrush.explorer.own import own_gallery  # needs the extra `data`

        own = own_gallery(model, shown.gallery, shown.pictures)
    elif shown.index:
        from wordbrush.explorer.own import indexed_gallery
        from wordbrush.search.index import open_index  # needs the extra `search`

        searched = open_index(shown.index, folder)
        own = indexed_gallery(model, searched, shown.pictures)
    elif model.generator is None:
        raise WordbrushError(
            f"{folder} holds a model that does not draw: name pictures to show, with --gallery."
        )
    drawings = None
    if model.generator is not None:
        drawings = drawn_gallery(model, MOST_DRAWINGS if own else shown.pictures, SEED)
    return Studio.of(model, drawings, SEED, own, searched)


def explore(folder: Path, place: Place, shown: Shown) -> None:
    """Serve the page on the model in `folder` until a signal comes.

    Raises WordbrushError for a host beyond loopback without a token, an address that is none, a
    port that is taken, and what cannot be shown.
    """
    require_guarded(place.host, place.address, place.token)
    access = access_of(place.host, place.address, place.token)
    app = application(prepared(folder, shown), access)
    query = f"?token={place.token}" if place.token else ""

    def tell(local: str) -> None:
        address = place.address.rstrip("/") + "/" if place.address else local
        print(f"The explorer is at {address}{query} (Ctrl-C ends it).", flush=True)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(app, place.host, place.port, tell))
