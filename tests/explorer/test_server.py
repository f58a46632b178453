"""The explorer's server, asked over real connections."""

import asyncio
import base64
import io
import json
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import numpy as np
import pytest
from PIL import Image

from tests.explorer.servers import ROOT, WORDBRUSH, explorer, pcm, served, spoken
from tests.workspace import environment
from wordbrush.audio.sound import encode
from wordbrush.errors import WordbrushError
from wordbrush.explorer.gallery import drawn_gallery
from wordbrush.explorer.listening import EXAMPLES, HITS, Studio
from wordbrush.explorer.server import MOST_RECIPE_BYTES, MOST_WAITING, SEED, Shown, explore
from wordbrush.explorer.sounds import MOST_BYTES, wav
from wordbrush.model import load_model
from wordbrush.serving import sites
from wordbrush.serving.guards import Access, access_of
from wordbrush.serving.sites import Place, guarded

VIEW = list(range(12))
RED_CUBE = "a big red cube"
TOKEN = "0123456789abcdef"
PATIENCE = 60  # seconds, for what comes at once unless the machine has other things to do

CHANGE = {"concept": 10, "operation": "transplant", "units": 96, "cell": [4, 1]}


def recipe_of(**changes: Any) -> bytes:
    return json.dumps({"position": 1.0, "edits": [], **changes}).encode()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with explorer() as (_, address):
        yield address


def run(ask: Callable[[aiohttp.ClientSession], Awaitable[Any]], address: str) -> Any:
    async def asked() -> Any:
        async with aiohttp.ClientSession(address) as session:
            return await ask(session)

    return asyncio.run(asked())


def own(address: str) -> dict[str, str]:
    return {"Origin": address.rstrip("/")}


async def streamed(
    session: aiohttp.ClientSession, address: str, sound: np.ndarray, finding: bool = False
) -> list[dict]:
    """What the server says of a sentence, second by second, up to the end of the utterance."""
    messages: list[dict] = []
    async with session.ws_connect("/api/listen", headers=own(address)) as socket:
        await socket.send_json({"view": VIEW, "finding": finding})
        data, sent = pcm(sound), 0
        async with asyncio.timeout(PATIENCE):
            for second in (data[start : start + 32000] for start in range(0, len(data), 32000)):
                for start in range(0, len(second), 1280):
                    await socket.send_bytes(second[start : start + 1280])
                sent += len(second) // 2
                # the server drops what it cannot hear in time
                while max((one.get("samples", 0) for one in messages), default=0) < sent:
                    messages.append(await socket.receive_json())
    ends = [number for number, one in enumerate(messages) if one["type"] == "end"]
    return messages[: ends[0] + 1]


async def received(socket: aiohttp.ClientWebSocketResponse) -> aiohttp.WSMessage:
    """The next message. aiohttp's own `timeout` begins anew with every ping: it may never end."""
    async with asyncio.timeout(PATIENCE):
        return await socket.receive()


def red_cubes() -> set[int]:
    model = load_model(ROOT / "models/small")
    found = model.read(model.draw(48, 27))
    return {
        number
        for number, things in enumerate(found)
        if any(one["color"] == "red" and one["shape"] == "cube" for one in things)
    }


def test_the_page_and_its_files_come_with_a_policy(address):
    async def ask(session):
        async with session.get("/") as response:
            assert response.content_type == "text/html"
            policy = response.headers["Content-Security-Policy"]
            text = await response.text()
        names = [part.split('"')[0] for part in text.split('"/static/')[1:]]
        assert {"main.js", "base.css", "style.css", "icon.svg"} == set(names)
        for name in names:
            async with session.get(f"/static/{name}") as response:
                assert response.status == 200, name
        return policy, text

    policy, text = run(ask, address)
    assert "default-src 'none'" in policy and "script-src 'self';" in policy
    assert "unsafe" not in policy and "<style" not in text and "style=" not in text
    assert "//" not in text.replace("<!doctype", "")  # nothing from elsewhere


@pytest.mark.parametrize(
    "path",
    ["/static/../server.py", "/static/%2e%2e%2fserver.py", "/pictures/48.png", "/etc/passwd"],
)
def test_other_paths_lead_nowhere(address, path):
    async def ask(session):
        async with session.get(path) as response:
            return response.status

    assert run(ask, address) == 404


def test_health_and_the_gallery(address):
    async def ask(session):
        async with session.get("/healthz") as response:
            assert await response.json() == {"status": "ok", "listeners": 0}
        async with session.get("/api/gallery") as response:
            facts = await response.json()
        async with session.get("/pictures/47.png") as response:
            return facts, await response.read()

    facts, png = run(ask, address)
    assert facts["pictures"] == 48 and facts["cells"] == {"height": 8, "width": 8}
    assert facts["frameSeconds"] == pytest.approx(0.16)
    assert Image.open(io.BytesIO(png)).size == (64, 64)


def test_light_comes_with_the_words_and_hits_at_the_end(address):
    messages = run(lambda session: streamed(session, address, spoken(RED_CUBE), True), address)
    kinds = [one["type"] for one in messages]
    assert kinds[-2:] == ["hits", "end"]
    lights = [one for one in messages if one["type"] == "light"]
    assert all(one["samples"] < 16000 * 4 and one["utterance"] == 1 for one in lights)
    words = {word for one in lights for _, word, _ in one["words"]}
    assert "cube" in words
    maps = np.frombuffer(base64.b64decode(lights[-1]["maps"]), np.uint8)
    assert len(maps) == 12 * lights[-1]["frames"] * 64
    hits = messages[-2]
    assert hits["final"] and hits["searched"] == 48 and len(hits["hits"]) == HITS
    assert hits["hits"][0] in red_cubes()


def test_typed_words_and_a_file_are_heard_alike(address):
    async def ask(session):
        said = {"text": RED_CUBE, "view": VIEW}
        async with session.post("/api/say", json=said, headers=own(address)) as response:
            typed = await response.json()
        file = encode(spoken(RED_CUBE))
        path = "/api/hear?view=" + ",".join(map(str, VIEW))
        async with session.post(path, data=file, headers=own(address)) as response:
            return typed, await response.json()

    for answer in run(ask, address):
        assert "cube" in {word for _, word, _ in answer["words"]}
        assert answer["ranking"]["hits"][0] in red_cubes()
        assert base64.b64decode(answer["sound"])[:4] == b"RIFF"
        assert answer["frames"] == round(answer["seconds"] / 0.16 + 0.5)


def test_the_concepts_and_which_of_them_answer(address):
    async def ask(session):
        async with session.get("/api/concepts") as response:
            table = await response.json()
        said = {"text": "a green ball", "view": []}
        async with session.post("/api/say", json=said, headers=own(address)) as response:
            return table, (await response.json())["answers"]

    table, answers = run(ask, address)
    assert len(table) == 32
    units = sorted(unit for one in table for unit in one["units"])
    assert units == list(range(128))  # each belongs to one concept
    assert all(len(one["pictures"]) == EXAMPLES for one in table)
    assert table[answers["concepts"][0][0]]["word"] == "sphere"
    strengths = [strength for _, strength in answers["concepts"]]
    assert strengths == sorted(strengths, reverse=True)
    assert all(unit in table[concept]["units"] for unit, _, concept in answers["units"])


def test_a_recipe_is_drawn(address):
    async def ask(session):
        recipe = {"position": 1.5, "edits": [CHANGE]}
        async with session.post("/api/draw", json=recipe, headers=own(address)) as response:
            assert response.status == 200
            return await response.json()

    answer = run(ask, address)
    assert len(base64.b64decode(answer["pictures"])) == 2 * 64 * 64 * 3
    assert len(base64.b64decode(answer["lights"])) == 32 * 64
    assert {"words", "cell"} == set(answer["read"][0][0])


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"{", 400, "no drawing"),
        (b"[" * 8000, 400, "no drawing"),
        (b'{"position": NaN, "edits": []}', 400, "no drawing"),
        (recipe_of(position=128.0), 400, "no drawing"),
        (recipe_of(position=48.0), 422, "ends at 47"),
        (recipe_of(other=1), 400, "no drawing"),
        (recipe_of(edits=[CHANGE] * 13), 400, "no drawing"),
        (recipe_of(edits=[{**CHANGE, "operation": "delete"}]), 400, "no drawing"),
        (recipe_of(edits=[{**CHANGE, "concept": 32}]), 422, "concepts"),
        (recipe_of(edits=[{**CHANGE, "units": 10**30}]), 422, "units"),
        (recipe_of(edits=[{**CHANGE, "cell": [8, 0]}]), 422, "outside"),
        (recipe_of(edits=[{**CHANGE, "cell": None}]), 422, "point at a spot"),
        (bytes(MOST_RECIPE_BYTES + 1), 413, "send at most"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(address, body, status, reason):
    async def ask(session):
        async with session.post("/api/draw", data=body, headers=own(address)) as response:
            return response.status, (await response.json())["error"]

    found, error = run(ask, address)
    assert found == status and reason in error and "\n" not in error


def test_a_body_of_unknown_length_and_another_site_draw_nothing(address):
    async def chunks():
        yield recipe_of()

    async def ask(session):
        async with session.post("/api/draw", data=chunks(), headers=own(address)) as response:
            long = response.status
        async with session.post("/api/draw", data=recipe_of()) as response:
            return long, response.status

    assert run(ask, address) == (413, 403)


def test_more_drawings_than_the_model_makes_are_refused(address):
    async def ask(session):
        async def one():
            async with session.post("/api/draw", data=recipe_of(), headers=own(address)) as answer:
                return answer.status

        return await asyncio.gather(*(one() for _ in range(2 * MOST_WAITING + 8)))

    found = run(ask, address)
    assert {200, 429} == set(found)


def test_a_request_without_host_is_answered_and_leaves_no_traceback(caplog):
    model = load_model(ROOT / "models/small")
    studio = Studio.of(model, drawn_gallery(model, 12, SEED), SEED)

    async def ask():
        async with served(studio) as address:
            port = int(address.rstrip("/").rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            line = await asyncio.wait_for(reader.readline(), PATIENCE)
            writer.close()
            return line

    assert b" 400 " in asyncio.run(ask())
    assert [one for one in caplog.records if one.exc_info] == []


@pytest.mark.parametrize(
    ("path", "body", "status", "reason"),
    [
        ("/api/say", b'{"text": "", "view": [0]}', 422, "nothing can be heard"),
        ("/api/say", b'{"text": "red", "view": [48]}', 422, "no such picture"),
        ("/api/say", b'{"text": 3, "view": []}', 400, "no message"),
        ("/api/say", b"[" * 100000, 400, "no message"),
        ("/api/hear?view=0", b"PK\3\4" + bytes(1000), 422, "no sound"),
        ("/api/hear?view=0", wav(np.zeros(16000, np.float32)), 422, "silent"),
        ("/api/hear?view=../x", b"", 400, "numbers"),
        ("/api/hear?view=0", bytes(MOST_BYTES + 1), 413, "send at most"),
    ],
)
def test_what_cannot_be_heard_is_refused_in_a_sentence(address, path, body, status, reason):
    async def ask(session):
        for _ in range(40):
            async with session.post(path, data=body, headers=own(address)) as response:
                if response.status != 429:  # the files of other tests use up the allowance
                    return response.status, (await response.json())["error"]
            await asyncio.sleep(0.25)

    found, error = run(ask, address)
    assert found == status and reason in error and "\n" not in error


def test_a_file_that_holds_hours_in_some_bytes_is_refused(address):
    bomb = encode(np.zeros(16000 * 900, np.float32))
    assert len(bomb) < MOST_BYTES

    async def ask(session):
        async with session.post("/api/hear?view=0", data=bomb, headers=own(address)) as response:
            return await response.json()

    assert "more than is listened to" in run(ask, address)["error"]


@pytest.mark.parametrize(
    "headers",
    [{}, *({"Origin": one} for one in ("http://elsewhere.example", "null", "http://[::1"))],
)
def test_other_sites_are_refused(address, headers):
    async def ask(session):
        async with session.post("/api/say", json={"text": "red"}, headers=headers) as response:
            assert response.status == 403
        with pytest.raises(aiohttp.WSServerHandshakeError) as error:
            await session.ws_connect("/api/listen", headers=headers)
        return error.value.status

    assert run(ask, address) == 403


@pytest.mark.parametrize("name", ["evil.example", "[::1", "127.0.0.1@evil.example"])
def test_names_that_point_here_are_refused(address, name):
    async def ask(session):
        async with session.get("/", headers={"Host": name}) as response:
            return response.status

    assert run(ask, address) == 403


@pytest.mark.parametrize(
    ("send", "reason"),
    [
        (lambda socket: socket.send_bytes(b"odd"), "16-bit"),
        (lambda socket: socket.send_str("{"), "no message"),
        (lambda socket: socket.send_str("[" * 10000), "no message"),
        (lambda socket: socket.send_json({"view": [48]}), "no such picture"),
        (lambda socket: socket.send_json({"view": [0] * 25}), "no message"),
        (lambda socket: socket.send_json({"other": 1}), "no message"),
    ],
)
def test_a_page_that_says_other_things_is_hung_up_on(address, send, reason):
    async def ask(session):
        async with session.ws_connect("/api/listen", headers=own(address)) as socket:
            await send(socket)
            message = await received(socket)
            assert message.type == aiohttp.WSMsgType.CLOSE and message.data == 1008
            return message.extra

    assert reason in run(ask, address)


def test_sound_that_comes_too_fast_and_messages_that_are_too_large_are_refused(address):
    async def ask(session):
        codes = []
        for size, count in ((16000, 20), (20000, 1)):
            async with session.ws_connect("/api/listen", headers=own(address)) as socket:
                for _ in range(count):
                    await socket.send_bytes(bytes(size))
                message = await received(socket)
                while message.type == aiohttp.WSMsgType.TEXT:
                    message = await received(socket)
                codes.append(message.data)
        return codes

    assert run(ask, address) == [1008, 1009]


def test_a_token_is_asked_for_and_a_signal_says_goodbye_to_pages():
    with explorer("--token", "sesame2026") as (process, address):
        place, _, query = address.partition("?")
        assert query == "token=sesame2026"

        async def status(session, path):
            async with session.get(path) as response:
                return response.status

        async def visit():
            jar = aiohttp.CookieJar(unsafe=True)  # which also keeps cookies of addresses
            async with aiohttp.ClientSession(place, cookie_jar=jar) as session:
                for path in ("/", "/api/gallery", "/?token=wrong"):
                    assert await status(session, path) == 401, path
                assert await status(session, "/healthz") == 200
                async with session.get("/?" + query) as response:
                    assert response.url.query_string == ""  # it does not stay in the address
                assert await status(session, "/api/gallery") == 200
                async with session.ws_connect("/api/listen", headers=own(place)) as socket:
                    process.send_signal(signal.SIGTERM)
                    message = await received(socket)
                    return message.type, message.data

        assert asyncio.run(visit()) == (aiohttp.WSMsgType.CLOSE, 1001)
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (Place("0.0.0.0", 0, None), "--token"),
        (Place("127.0.0.1", 0, "short"), "8 letters"),
        (Place("127.0.0.1", 0, None, "https://explore.example.org"), "--address .* --token"),
    ],
)
def test_a_page_for_other_machines_needs_a_good_token(place, reason):
    with pytest.raises(WordbrushError, match=reason):
        explore(ROOT / "models/small", place, Shown(12))


def test_a_port_that_is_taken_is_one_sentence(address):
    port = address.rstrip("/").rpartition(":")[2]
    command = [WORDBRUSH, "explore", "--pictures", "12", "--port", port]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 2 and "choose another --port" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_cookie_demands_https_where_people_come_by_it():
    async def ask(access: Access) -> str:
        app = guarded(access, "wordbrush.explorer", 0)
        async with (
            sites.served(app, "127.0.0.1", 0, 0) as place,
            aiohttp.ClientSession(place) as session,
        ):
            answer = await session.get(f"/?token={TOKEN}", allow_redirects=False)
            return answer.headers["Set-Cookie"]

    plain = asyncio.run(ask(access_of("127.0.0.1", None, TOKEN)))
    by_tls = asyncio.run(ask(access_of("127.0.0.1", "https://explore.example.org", TOKEN)))
    assert "Secure" not in plain.split("; ") and "Secure" in by_tls.split("; ")
