"""The collection's server, asked over real connections."""

import asyncio
import csv
import json
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Awaitable, Callable
from itertools import chain
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from tests.collector import visitors
from tests.collector.visitors import (
    QUOTAS,
    SENTENCES,
    Visitor,
    begin,
    ended,
    finish,
    spoken,
    told,
    visitor,
)
from tests.explorer.servers import ROOT, WORDBRUSH
from tests.workspace import environment
from wordbrush.audio.sound import decode, encode
from wordbrush.collector import recordings, server, speakers, tasks
from wordbrush.collector.export import export, export_store
from wordbrush.collector.recordings import MOST_BYTES
from wordbrush.collector.server import MOST_FILE_BYTES, collect
from wordbrush.collector.store import FORMAT, PARTS, RECORDINGS, Store, existing
from wordbrush.collector.tasks import KEPT_SECONDS, Quotas
from wordbrush.corpora.division import Division
from wordbrush.corpora.intake import Settings, take_in
from wordbrush.corpora.pictures import Look
from wordbrush.corpora.readers.source import Source
from wordbrush.corpora.shards import SPEECH, read_rows
from wordbrush.errors import WordbrushError
from wordbrush.serving.guards import LOOPBACK, Access, access_of

SAID = [spoken(text) for text in SENTENCES]
Use = Callable[[Visitor, str], Awaitable[Any]]


@pytest.fixture
def store(tmp_path):
    with visitors.store_of(tmp_path, links=3) as made:
        yield made


def visit(store: Store, use: Use, **how: Any) -> Any:
    async def visited() -> Any:
        async with visitors.served(store, **how) as address, visitor(address) as one:
            return await use(one, address)

    return asyncio.run(visited())


def first(store: Store) -> str:
    return visitors.tokens(store)[0]


def kept(store: Store, folder: str) -> list[Path]:
    return sorted((store.folder / folder).iterdir())


def test_from_consent_to_a_collection_and_to_deletion(store, tmp_path):
    async def use(one: Visitor, address: str) -> str:
        shown = await one.agree(first(store))
        assert len(shown) == tasks.SIZE
        for picture in shown:
            async with one.session.get(f"/pictures/{picture}") as response:
                assert response.content_type == "image/png"
        receipt = await one.describe(shown, SAID)
        _, state = await one.ask("/api/state")
        assert state["submitted"] == 4 and state["task"] == []
        return receipt

    receipt = visit(store, use)
    assert export(store, tmp_path / "exported") == 4
    flac = next((tmp_path / "exported/speech").iterdir()).read_bytes()
    assert any(np.array_equal(decode(flac, "it"), said / 32768) for said in SAID)
    settings = Settings(None, Look(64, "white"), 60, Division("picture", 0.25, 0.25, 0), ())
    take_in(Source(tmp_path / "exported"), tmp_path / "collection", settings, False, False)
    rows = list(read_rows(tmp_path / "collection", SPEECH, ["speaker", "language"]))
    assert len(rows) == 4 and {one["language"] for one in rows} == {"en"}
    assert len({one["speaker"] for one in rows}) == 1

    async def regret(one: Visitor, address: str) -> Any:
        wrong = await one.ask("/api/delete", {"token": "0" * 32})
        right = await one.ask("/api/delete", {"token": f" {receipt.upper()} "})
        return wrong, right, (await one.ask("/api/enter", {"token": first_token}))[0]

    first_token = first(store)
    wrong, right, entered = visit(store, regret)
    assert wrong[0] == 422 and "receipt" in wrong[1]["error"]
    assert right == (200, {"deleted": 4}) and entered == 401
    assert kept(store, RECORDINGS) == []
    raw = (store.folder / "collect.sqlite").read_bytes()
    assert rows[0]["speaker"].encode() not in raw  # it is overwritten, and not only unlinked
    with pytest.raises(WordbrushError, match="nothing that was submitted"):
        export(store, tmp_path / "again")


def test_a_refused_recording_is_not_kept_and_a_second_one_replaces_the_first(store):
    async def use(one: Visitor, address: str) -> None:
        shown = await one.agree(first(store))
        refused = await one.record(shown[0], np.zeros(32000, "<i2"))
        assert refused["codes"] == ["silent"] and kept(store, RECORDINGS) == []
        assert (await one.record(shown[0], SAID[0]))["accepted"]
        assert (await one.record(shown[0], SAID[1]))["accepted"]
        assert len(kept(store, RECORDINGS)) == 1 and kept(store, PARTS) == []
        twice = await one.record(shown[1], SAID[1])
        assert twice["codes"] == ["duplicate"]
        status, answer = await one.ask("/api/submit", {})
        assert status == 422 and "3 of 4 pictures" in answer["error"]
        async with one.session.get(f"/api/recordings/{shown[0]}.flac") as response:
            assert np.array_equal(decode(await response.read(), "it"), SAID[1] / 32768)
            assert response.headers["Cache-Control"] == "no-store"

    visit(store, use)


def test_what_was_sent_is_there_after_a_lost_connection_and_is_gone_on_with(store):
    async def use(one: Visitor, address: str) -> None:
        shown = await one.agree(first(store))
        data = SAID[0].tobytes()
        async with one.socket() as socket:
            attempt = await begin(socket, shown[0])
            await told(socket)
            for start in range(0, 40960, 8192):
                await socket.send_bytes(data[start : start + 8192])
            await socket.send_json({"finish": len(data)})
            assert (await told(socket)) == {"type": "ready", "attempt": attempt, "bytes": 40960}
        async with one.socket() as socket:
            await begin(socket, shown[0], attempt)
            there = (await told(socket))["bytes"]
            assert there == 40960
            for start in range(there, len(data), 8192):
                await socket.send_bytes(data[start : start + 8192])
            await socket.send_json({"finish": len(data)})
            assert (await told(socket))["accepted"]
        async with one.socket() as socket:  # the answer was lost
            await begin(socket, shown[0], attempt)
            assert (await told(socket))["accepted"]

    visit(store, use)


def test_another_page_of_a_speaker_takes_over_and_a_new_attempt_ends_the_old(store):
    async def use(one: Visitor, address: str) -> None:
        shown = await one.agree(first(store))
        async with one.socket() as old:
            await begin(old, shown[0])
            await told(old)
            await old.send_bytes(bytes(64))
            async with one.socket() as new:
                assert await ended(old) == (4001, "opened elsewhere")
                await begin(new, shown[1])
                assert (await told(new))["bytes"] == 0
                assert len(kept(store, PARTS)) == 1
                await new.send_json({"drop": True})
                await begin(new, "0" * 64)
                assert "not to be described" in (await told(new))["reason"]
                assert kept(store, PARTS) == []

    visit(store, use)


def test_a_request_that_opens_no_socket_ends_no_recording(store):
    async def use(one: Visitor, address: str) -> None:
        shown = await one.agree(first(store))
        async with one.socket() as socket:
            attempt = await begin(socket, shown[0])
            await told(socket)
            assert (await one.ask("/api/record"))[0] == 400
            assert (await finish(socket, SAID[0].tobytes(), attempt))["accepted"]

    visit(store, use)


def test_a_connection_that_is_dead_holds_nobody_up(store):
    async def use(one: Visitor, address: str) -> None:
        shown = await one.agree(first(store))
        async with visitor(address) as other:
            await other.agree(first(store))
            async with other.socket() as dead:
                attempt = await begin(dead, shown[0])
                await told(dead)
                await dead.send_bytes(SAID[0].tobytes()[:8192])
                await dead.send_json({"finish": 1})
                await told(dead)
                dead._conn.transport.pause_reading()  # it never answers that it was closed
                async with asyncio.timeout(5), one.socket() as socket:
                    await begin(socket, shown[0], attempt)
                    assert (await told(socket))["bytes"] == 8192
                    await socket.send_bytes(SAID[0].tobytes()[8192:16384])
                dead._conn.transport.abort()

    visit(store, use)


def test_several_people_record_at_once_and_pictures_are_shared_out(store):
    async def use(one: Visitor, address: str) -> None:
        async def part(token: str) -> list[str]:
            async with visitor(address) as each:
                shown = await each.agree(token)
                assert (await each.record(shown[0], spoken(token[:3] + SENTENCES[0])))["accepted"]
                return shown

        given = await asyncio.gather(*map(part, visitors.tokens(store)))
        counts = [sum(picture in each for each in given) for picture in {*chain(*given)}]
        assert len(counts) == 6 and set(counts) == {2}

    visit(store, use)


def test_quotas_of_a_picture_and_of_a_speaker(store):
    async def use(one: Visitor, address: str) -> list[int]:
        sizes = []
        for token in visitors.tokens(store):
            async with visitor(address) as each:
                sizes.append(len(await each.agree(token)))
        return sizes

    assert visit(store, use, quotas=Quotas(1, 40)) == [4, 2, 0]


def test_a_speaker_describes_no_more_than_the_quota(store):
    async def use(one: Visitor, address: str) -> int:
        shown = await one.agree(first(store))
        with store.database as database:
            database.execute("UPDATE item SET given = NULL WHERE picture = ?", (shown[0],))
            database.execute("DELETE FROM item WHERE given IS NOT NULL")
        return len((await one.ask("/api/task", {}))[1]["task"])

    assert visit(store, use, quotas=Quotas(5, 3)) == 2


def test_what_is_not_submitted_is_given_up_and_what_a_killed_server_left_is_deleted(store):
    async def use(one: Visitor, address: str) -> None:
        shown = await one.agree(first(store))
        assert (await one.record(shown[0], SAID[0]))["accepted"]
        async with one.socket() as socket:
            await begin(socket, shown[1])
            await told(socket)

    visit(store, use)
    (store.folder / RECORDINGS / "0123.flac").write_bytes(b"left")
    recordings.sweep(store)
    assert len(kept(store, RECORDINGS)) == 1 and len(kept(store, PARTS)) == 1
    (given,) = store.database.execute("SELECT min(given) FROM item").fetchone()
    tasks.expire(store, given + KEPT_SECONDS - 1)
    assert len(kept(store, RECORDINGS)) == 1
    tasks.expire(store, given + KEPT_SECONDS + 1)
    assert kept(store, RECORDINGS) == []


def test_a_store_that_fails_is_told_in_a_sentence_and_swept_once_it_works(
    store, monkeypatch, caplog
):
    monkeypatch.setattr(server, "SWEEP_SECONDS", 0.01)
    with store.database as database:
        database.execute("INSERT INTO item SELECT 1, sha256, 1.0 FROM picture LIMIT 1")
        database.execute("ALTER TABLE item RENAME TO away")

    async def use(one: Visitor, address: str) -> None:
        assert (await one.ask("/api/enter", {"token": first(store)}))[0] == 200
        status, answer = await one.ask("/api/state")  # after the first sweep, on the same thread
        assert status == 503 and "tell the person who invited you" in answer["error"]
        assert "no such table: item" in caplog.text
        with store.database as database:
            database.execute("ALTER TABLE away RENAME TO item")
        async with asyncio.timeout(visitors.PATIENCE):
            while (await one.ask("/api/state"))[1]["task"]:
                await asyncio.sleep(0.01)

    visit(store, use)


def test_a_disk_that_takes_only_a_part_ends_the_recording_with_a_reason(store):
    resource = pytest.importorskip("resource")

    async def use(one: Visitor, address: str) -> None:
        shown = await one.agree(first(store))
        async with one.socket() as socket:
            await begin(socket, shown[0])
            await told(socket)
            before = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1001, before[1]))
            try:
                await socket.send_bytes(bytes(4096))
                answer = await told(socket)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)
            assert answer["type"] == "stopped" and "cannot keep" in answer["reason"]
        assert kept(store, PARTS) == []
        assert (await one.record(shown[0], SAID[0]))["accepted"]

    visit(store, use)


def test_cookies_that_are_no_text_are_refused(store):
    async def use(one: Visitor, address: str) -> bytes:
        port = int(address.rstrip("/").rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        cookie = b"wordbrush_speaker=\xff"
        writer.write(b"GET /api/state HTTP/1.1\r\nHost: localhost\r\nCookie: " + cookie)
        writer.write(b"\r\n\r\n")
        return await reader.readline()

    assert b" 401 " in visit(store, use)


def test_a_recording_has_the_date_of_its_own_consent_also_from_an_older_store(store, tmp_path):
    async def use(one: Visitor, address: str) -> None:
        await one.describe(await one.agree(first(store)), SAID)

    def dates(target: str) -> set[str]:
        export_store(store.folder, tmp_path / target)
        with (tmp_path / target / "captions.csv").open() as file:
            return {row["consented"] for row in csv.DictReader(file)}

    visit(store, use)
    (said,) = store.database.execute("SELECT consented FROM speaker WHERE number = 1").fetchone()
    with store.database as database:
        database.execute("ALTER TABLE recording DROP COLUMN consented")
        database.execute("PRAGMA user_version = 1")
    assert dates("before") == {said}
    with store.database as database:  # he or she agrees to another version
        database.execute("UPDATE speaker SET consented = '2100-01-01' WHERE number = 1")
    assert dates("after") == {said}


def test_no_address_no_agent_and_no_time_of_a_recording_is_kept(store):
    async def use(one: Visitor, address: str) -> None:
        one.session.headers["User-Agent"] = "Netscape/4.04"
        shown = await one.agree(first(store))
        await one.record(shown[0], SAID[0])

    visit(store, use)
    assert [path.stat().st_mtime for path in kept(store, RECORDINGS)] == [0]
    for path in store.folder.rglob("*"):
        if path.is_file():
            assert not {b"Netscape", b"127.0.0.1"} & {
                word for word in (b"Netscape", b"127.0.0.1") if word in path.read_bytes()
            }, path


def test_nobody_records_without_a_link_and_consent(store):
    async def use(one: Visitor, address: str) -> None:
        assert (await one.ask("/api/state"))[0] == 401
        assert (await one.ask("/api/owner"))[0] == 401
        assert (await one.ask("/api/enter", {"token": "guessed"}))[0] == 401
        async with one.session.get("/pictures/" + "0" * 64) as response:
            assert response.status == 401
        assert (await one.ask("/api/enter", {"token": first(store)}))[0] == 200
        status, answer = await one.ask("/api/task", {})
        assert status == 422 and "agree to the text" in answer["error"]
        old = {"version": "0", "language": "en"}
        assert "has changed" in (await one.ask("/api/consent", old))[1]["error"]
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await one.socket()
        assert (await one.ask("/api/owner"))[0] == 401  # a speaker is no owner

    visit(store, use)


def test_the_owner_invites_sees_progress_and_closes_a_link(store):
    async def use(one: Visitor, address: str) -> None:
        async with visitor(address) as speaker:
            shown = await speaker.agree(first(store))
            token = speakers.owner_token(store)
            assert (await one.ask("/api/enter", {"token": token}))[1] == {"owner": True}
            _, seen = await one.ask("/api/owner/links", {"count": 2})
            assert [link["number"] for link in seen["links"]] == [1, 2, 3, 4, 5]
            assert seen["links"][0] | {"token": ""} == {
                "number": 1, "token": "", "consent": "2026-1", "language": "en", "open": 4,
                "submitted": 0,
            }  # fmt: skip
            async with speaker.socket() as socket:
                _, seen = await one.ask("/api/owner/close", {"number": 1})
                assert seen["links"][0]["token"] is None
                assert await ended(socket) == (1008, "this link was closed")
            assert (await speaker.ask("/api/state"))[0] == 401
            assert len(shown) == 4 and seen["wanted"] == 30
        assert (await one.ask("/api/owner/links", {"count": 1001}))[0] == 400

    visit(store, use)


def test_a_file_takes_the_place_of_a_recording(store):
    async def use(one: Visitor, address: str) -> None:
        shown = await one.agree(first(store))
        path = f"/api/file/{shown[0]}"
        assert (await one.ask(path, encode(SAID[0])))[1]["accepted"]
        status, answer = await one.ask(path, b"PK\3\4" + bytes(5000))  # a zip named .webm
        assert status == 422 and "no sound that can be read" in answer["error"]
        status, answer = await one.ask(path, encode(np.zeros(16000 * 60, np.int16)))
        assert status == 422 and "cut out a sentence" in answer["error"]
        status, answer = await one.ask(path, bytes(MOST_FILE_BYTES + 1))
        assert status == 413 and "at most 8 MB" in answer["error"]
        assert len(kept(store, RECORDINGS)) == 1  # the first is still there
        assert (await one.ask("/api/file/" + "0" * 64, b"x"))[0] == 422

    visit(store, use)


def test_a_speaker_sends_one_file_at_a_time(store):
    async def use(one: Visitor, address: str) -> list[int]:
        path = f"/api/file/{(await one.agree(first(store)))[0]}"
        answers = await asyncio.gather(*(one.ask(path, encode(SAID[0])) for _ in range(3)))
        again = await one.ask(path, encode(SAID[0]))
        assert "wait for it" in str(answers)
        return sorted(status for status, _ in [*answers, again])

    assert visit(store, use) == [200, 200, 422, 422]


@pytest.mark.parametrize(
    "path",
    ["/api/recordings/..%2f..%2fcollect.flac", "/pictures/../collect.sqlite", "/static/../store.py",
     "/pictures/%2e%2e%2fcollect.sqlite", "/api/file/..%2fx"],
)  # fmt: skip
def test_no_path_leads_out(store, path):
    async def use(one: Visitor, address: str) -> int:
        await one.agree(first(store))
        async with one.session.get(path) as response:
            return response.status

    assert visit(store, use) in (404, 405)


@pytest.mark.parametrize(
    ("send", "code", "reason"),
    [
        (lambda socket: socket.send_bytes(b"odd"), 1008, "16-bit"),
        (lambda socket: socket.send_bytes(bytes(20000)), 1009, ""),
        (lambda socket: socket.send_str("[" * 10000), 1008, "no message"),
        (lambda socket: socket.send_json({"begin": {"picture": "../x", "attempt": "0" * 32}}),
         1008, "no message"),
        (lambda socket: socket.send_json({"begin": {"picture": "0" * 64, "attempt": "../../x"}}),
         1008, "no message"),
    ],
)  # fmt: skip
def test_a_page_that_sends_other_things_is_hung_up_on(store, send, code, reason):
    async def use(one: Visitor, address: str) -> tuple[int, str]:
        await one.agree(first(store))
        async with one.socket() as socket:
            await send(socket)
            return await ended(socket)

    found = visit(store, use)
    assert found[0] == code and reason in (found[1] or "")


def test_noise_without_end_is_cut_off_and_nothing_of_it_stays(store):
    async def use(one: Visitor, address: str) -> None:
        shown = await one.agree(first(store))
        noise = np.random.default_rng(0).bytes(8192)
        async with one.socket() as socket:
            await begin(socket, shown[0])
            await told(socket)
            for _ in range(3 * MOST_BYTES // len(noise)):
                await socket.send_bytes(noise)
            code, _ = await ended(socket)
            assert code == 1008
        assert sum(path.stat().st_size for path in kept(store, PARTS)) <= MOST_BYTES
        assert (await one.record(shown[0], SAID[0]))["accepted"]

    visit(store, use)


def test_recordings_that_come_faster_than_anybody_speaks_are_refused(store):
    async def use(one: Visitor, address: str) -> str:
        shown = await one.agree(first(store))
        async with one.socket() as socket:
            for _ in range(15):
                attempt = await begin(socket, shown[0])
                await told(socket)
                answer = await finish(socket, bytes(64), attempt)
                if answer["type"] == "stopped":
                    return answer["reason"]
        return ""

    assert "too many recordings" in visit(store, use)


def test_a_store_is_served_once_and_survives_a_killed_server(tmp_path):
    album = visitors.album(tmp_path / "album")
    command = [WORDBRUSH, "collect", str(album), str(tmp_path / "store"), "--port", "0"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(WORDBRUSH_METRICS_PORT=str(port)),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        address, _, token = process.stdout.readline().split(" at ")[1].strip().partition("owner#")
        done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
        assert done.returncode == 2 and "is served already" in done.stderr

        async def use() -> str:
            async with visitor(address) as owner, visitor(address) as one:
                await owner.ask("/api/enter", {"token": token})
                _, seen = await owner.ask("/api/owner/links", {"count": 1})
                shown = await one.agree(seen["links"][0]["token"])
                assert (await one.record(shown[0], SAID[0]))["accepted"]
                async with one.session.get(f"http://127.0.0.1:{port}/metrics") as response:
                    told_of = await response.text()
                assert 'wordbrush_collect_recordings_total{verdict="accepted"} 1.0' in told_of
                assert 'requests_total{page="collector",route="/api/enter",status="200"} 2.0' in (
                    told_of
                )
                assert 'wordbrush_web_queue{page="collector",work="check"} 0.0' in told_of
                assert "127.0.0.1" not in told_of
                async with one.socket() as page:
                    attempt = await begin(page, shown[1])
                    await told(page)
                    await page.send_bytes(bytes(8000))
                    await page.send_json({"finish": 1})
                    await told(page)  # so the sound before it has come
                    process.send_signal(signal.SIGKILL)
                    return attempt

        attempt = asyncio.run(use())
    with existing(tmp_path / "store") as store:
        (facts,) = store.database.execute("SELECT facts FROM recording").fetchone()
        assert json.loads(facts)["speech"] > 1
        parts = kept(store, PARTS)
        assert [path.name.partition("-")[2] for path in parts] == [f"{attempt}.pcm"]
        assert parts[0].stat().st_size == 8000


@pytest.mark.parametrize("name", ["0.png", "0.svg"])
def test_a_picture_bomb_is_named_and_nothing_is_served(tmp_path, name):
    from PIL import Image

    folder = tmp_path / "album"
    folder.mkdir()
    if name.endswith("png"):
        Image.new("1", (20_000, 20_000)).save(folder / name)
    else:
        (folder / name).write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
                                   '<image href="/etc/passwd"/></svg>')  # fmt: skip
    with pytest.raises(WordbrushError, match=name.replace(".", r"\.") + " cannot be shown"):
        collect(folder, tmp_path / "store", "127.0.0.1", 0, None, None, QUOTAS)


def test_a_changed_text_of_consent_needs_a_new_version(tmp_path, store):
    text = tmp_path / "consent.yaml"
    text.write_text('version: "2026-1"\ntext: [Another text.]\nlanguages: {en: English}\n')
    with pytest.raises(WordbrushError, match="give it a new version"):
        collect(tmp_path / "album", store.folder, "127.0.0.1", 0, None, text, QUOTAS)
    text.write_text("version: 3\ntext: []\n")
    with pytest.raises(WordbrushError, match="version = 3"):
        collect(tmp_path / "album", store.folder, "127.0.0.1", 0, None, text, QUOTAS)


def test_other_folders_and_damaged_stores_are_refused_in_a_sentence(tmp_path):
    with pytest.raises(WordbrushError, match="other things than a collection"):
        collect(tmp_path, visitors.album(tmp_path / "album"), "", 0, None, None, QUOTAS)
    with pytest.raises(WordbrushError, match="is missing"), existing(tmp_path):
        pass
    (tmp_path / "collect.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(WordbrushError, match="is damaged"), existing(tmp_path):
        pass
    database = sqlite3.connect(tmp_path / "newer.sqlite")
    database.execute(f"PRAGMA user_version = {FORMAT + 1}")
    database.close()
    (tmp_path / "newer.sqlite").rename(tmp_path / "collect.sqlite")
    with pytest.raises(WordbrushError, match="newer format"), existing(tmp_path):
        pass


def test_cookies_demand_https_where_people_come_by_it(store):
    async def use(one: Visitor, address: str) -> list[str]:
        body, headers = {"token": first(store)}, one.origin
        async with one.session.post("/api/enter", json=body, headers=headers) as response:
            return response.headers.getall("Set-Cookie")

    (cookie,) = visit(store, use, secure=True)
    assert {"HttpOnly", "Secure", "SameSite=Strict"} <= set(cookie.split("; "))
    assert access_of("127.0.0.1", "https://collect.example.org", None) == Access(
        (*LOOPBACK, "collect.example.org"), None, secure=True
    )
    for wrong in ("collect.example.org", "https://[collect"):
        with pytest.raises(WordbrushError, match="--address"):
            access_of("127.0.0.1", wrong, None)


def test_a_speaker_who_lost_the_receipt_gets_others_and_their_number_is_bounded(store):
    async def use(one: Visitor, address: str) -> None:
        token = first(store)
        shown = await one.agree(token)
        status, answer = await one.ask("/api/receipt", {})
        assert status == 422 and "nothing was submitted" in answer["error"]
        lost = await one.describe(shown, SAID)
        await one.ask("/api/task", {})  # as the page does: the next pictures are open
        found = (await one.ask("/api/receipt", {}))[1]["receipt"]
        assert found != lost
        for _ in range(tasks.MOST_AGAIN + len(shown)):
            status, answer = await one.ask("/api/receipt", {})
        assert status == 422 and "as many receipts as there may be" in answer["error"]
        (kept_rows,) = store.database.execute("SELECT count(*) FROM receipt").fetchone()
        assert kept_rows == tasks.MOST_AGAIN + len(shown)
        assert (await one.ask("/api/delete", {"token": found}))[1]["deleted"] == len(shown)

    visit(store, use)


def test_a_page_asks_whether_the_server_is_there(store):
    async def use(one: Visitor, address: str) -> None:
        await one.agree(first(store))
        async with one.socket() as socket:
            await socket.send_str("alive")
            assert await told(socket) == {"type": "alive"}

    visit(store, use)


def test_a_socket_that_is_refused_says_why_to_who_asks_plainly(store, monkeypatch):
    monkeypatch.setattr(server, "MOST_RECORDERS", 0)

    async def use(one: Visitor, address: str) -> None:
        await one.agree(first(store))
        status, answer = await one.ask("/api/record")
        assert status == 503 and "too many people record" in answer["error"]
        speakers.close(store, 1)
        status, answer = await one.ask("/api/record")
        assert status == 401 and "invited" in answer["error"]

    visit(store, use)
