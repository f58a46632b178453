"""The pages in a real browser, whose microphone plays sentences of espeak-ng over and over."""

import asyncio
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.browser import Tab, chromium, microphone, page
from tests.collector import visitors
from tests.collector.visitors import spoken
from tests.explorer.servers import ROOT, WORDBRUSH
from tests.workspace import environment
from wordbrush.collector import server, speakers
from wordbrush.collector.store import PARTS, RECORDINGS
from wordbrush.explorer.sounds import wav

pytestmark = pytest.mark.web
THINGS = ("a red cube", "two green balls", "one large purple cylinder", "a small yellow box",
          "some brown spheres", "nothing but grey cubes", "a tiny blue cone", "the cyan ring",
          "four black pyramids", "an orange disc")  # fmt: skip
SECONDS = 2.0  # of a recording, in which one of them is said
CARD = "document.querySelector('#pictures li:nth-child({})')"


def played(folder: Path, *sounds: np.ndarray) -> list[str]:
    """Options of a browser whose microphone plays these, int16 [S] each."""
    file = folder / "said.wav"
    file.write_bytes(wav(np.concatenate(sounds) / 32768))
    return microphone(file)


@pytest.fixture(scope="module")
def speaking(tmp_path_factory) -> Iterator[str]:
    """A browser whose microphone says what is there."""
    folder = tmp_path_factory.mktemp("speaking")
    said = [spoken(f"I see {thing} here", around=0.15) for thing in THINGS]
    with chromium(folder / "profile", *played(folder, *said)) as devtools:
        yield devtools


@contextmanager
def collecting(album: Path, store: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen, str]]:
    """The server as people start it, and the owner's address."""
    command = [WORDBRUSH, "collect", str(album), str(store), "--port", str(port)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", line := process.stdout.readline())
            assert found, line
            yield process, found[0]
        finally:
            process.kill()


async def agreed(tab: Tab) -> None:
    """Consent, up to the pictures."""
    await tab.until("document.querySelector('#consent')?.hidden === false")
    assert await tab.value("document.querySelector('#agreement').checkValidity()") is False
    await consented(tab)
    await connected(tab)


async def consented(tab: Tab) -> None:
    await tab.value("document.querySelector('#language').value = 'en'")
    await tab.press("#agree")
    await tab.press("#agreement button")
    await tab.until("document.querySelectorAll('#pictures li').length === 4")


async def connected(tab: Tab) -> None:
    await tab.until("document.querySelector('#connection').textContent === 'Connected'")


def verdict(card: int, is_: str) -> str:
    return f"{CARD.format(card)}.className === {json.dumps(is_)}"


def recorded(seconds: float) -> str:
    """Whether a recording has lasted so long."""
    return f"performance.now() - window.began > {1000 * seconds}"


async def press_record(tab: Tab, card: int) -> None:
    await tab.value(f"{CARD.format(card)}.querySelector('.record').click()")


async def start(tab: Tab, card: int) -> None:
    await press_record(tab, card)
    await tab.until(verdict(card, "recording"))
    await tab.value("window.began = performance.now()")


async def stop(tab: Tab, card: int) -> str:
    """What is said of the recording that ends now."""
    await press_record(tab, card)
    return await found(tab, card)


async def found(tab: Tab, card: int) -> str:
    """What is said of a recording."""
    await tab.until(f"{verdict(card, 'accepted')} || {verdict(card, 'refused')}")
    return await tab.value(f"{CARD.format(card)}.querySelector('.verdict').textContent")


async def until_said(tab: Tab, card: int, wanted: str, seconds: float = SECONDS) -> None:
    """Record again until this is said of it."""
    for _ in range(8):
        await start(tab, card)
        await tab.until(recorded(seconds))
        if wanted in (said := await stop(tab, card)):
            return
    raise AssertionError(said)


async def until_grown(folder: Path, size: int) -> None:
    """Wait until sound has come."""
    async with asyncio.timeout(visitors.PATIENCE):
        while sum(path.stat().st_size for path in folder.iterdir()) < size:
            await asyncio.sleep(0.02)


def test_from_an_invitation_to_an_export_and_to_deletion_with_a_server_that_is_killed(
    speaking, tmp_path
):
    album, store = visitors.album(tmp_path / "album"), tmp_path / "store"

    async def invited(address: str) -> str:
        async with page(speaking, address, "prompt") as tab:
            await tab.until("document.querySelector('#all')?.hidden === false")
            await tab.press("#invite button")
            await tab.until("document.querySelectorAll('#links tr').length === 1")
            assert tab.complaints == []
            return await tab.value("document.querySelector('#links input').value")

    async def half(process: subprocess.Popen, tab: Tab) -> None:
        await agreed(tab)
        await start(tab, 1)
        await until_grown(store / PARTS, 16_000)
        process.send_signal(signal.SIGKILL)
        process.wait()  # then its port is free
        await tab.until("document.querySelector('#connection').textContent.includes('is gone')")
        await tab.until(recorded(SECONDS))
        await press_record(tab, 1)  # what was said meanwhile is in the page alone
        await tab.until(verdict(1, "checking"))

    async def rest(tab: Tab) -> str:
        await connected(tab)
        assert "Accepted" in await found(tab, 1)
        assert await tab.value("document.querySelector('#submit').disabled")
        for card in (2, 3, 4):
            await until_said(tab, card, "Accepted")
        await tab.value(f"{CARD.format(4)}.querySelector('.play').click()")
        await tab.reload()
        await tab.until("document.querySelectorAll('#pictures .accepted').length === 4")
        await tab.until("document.querySelector('#submit')?.disabled === false")
        await tab.press("#submit")
        await tab.until("document.querySelector('#done')?.hidden === false")
        return await tab.text("#receipt")

    async def deleted(tab: Tab, receipt: str) -> None:
        await tab.value(f"document.querySelector('#receipt-given').value = {json.dumps(receipt)}")
        await tab.press("#delete button")
        await tab.until("document.querySelector('#deleted').textContent.startsWith('4 recordings')")

    async def visited() -> None:
        with collecting(album, store) as (process, address):
            link = await invited(address)
            port = int(re.search(r":(\d+)/", address)[1])
            async with page(speaking, link, "granted") as tab:
                await half(process, tab)
                with collecting(album, store, port):
                    receipt = await rest(tab)
                    target = tmp_path / "exported"
                    command = [
                        WORDBRUSH,
                        "collect",
                        str(album),
                        str(store),
                        "--export",
                        str(target),
                    ]
                    done = subprocess.run(
                        command, capture_output=True, env=environment(), text=True
                    )
                    assert "holds 4 recordings" in done.stdout, done.stderr
                    assert len(list((target / "speech").iterdir())) == 4
                    await deleted(tab, receipt)
                    assert list((store / RECORDINGS).iterdir()) == []

    asyncio.run(visited())


def test_silence_and_clipping_are_refused_and_a_reason_is_given(tmp_path):
    loud = (spoken("I see a red cube here").astype(np.int32) * 12).clip(-32767, 32767)
    options = played(tmp_path, np.zeros(48_000), loud, loud)

    async def use(tab: Tab) -> None:
        await agreed(tab)
        await until_said(tab, 1, "Nothing was heard", 1.0)
        await until_said(tab, 1, "too loud")
        assert await tab.value("document.querySelector('#submit').disabled")

    with visitors.store_of(tmp_path) as store, chromium(tmp_path / "profile", *options) as devtools:

        async def visited() -> None:
            async with visitors.served(store) as address:
                link = f"{address}#{visitors.tokens(store)[0]}"
                async with page(devtools, link, "granted") as tab:
                    await use(tab)
                    assert tab.complaints == []

        asyncio.run(visited())


def test_a_refused_microphone_a_link_that_is_none_and_how_it_looks(speaking, tmp_path):
    async def look(tab: Tab, *names: str) -> None:
        for width in (360, 1280):
            for dark in (False, True):
                await tab.resize(width, 800, dark)
                assert await tab.value("document.documentElement.scrollWidth") <= width
        tree = (await tab.call("Accessibility.getFullAXTree"))["nodes"]
        roles = ("button", "textbox", "image", "meter", "combobox", "checkbox")
        named = [one["name"]["value"] for one in tree
                 if not one["ignored"] and one["role"]["value"] in roles]  # fmt: skip
        assert set(names) <= set(named) and all(named), named

    async def visited() -> None:
        async with visitors.served(store) as address:
            async with page(speaking, f"{address}#guessed", "denied") as tab:
                await tab.until("document.querySelector('#status')?.className === 'wrong'")
                assert "not valid" in await tab.text("#status")
            link = f"{address}#{visitors.tokens(store)[0]}"
            async with page(speaking, link, "denied") as tab:
                await tab.until("document.querySelector('#consent')?.hidden === false")
                assert await tab.value("location.hash") == ""  # the token does not stay there
                await look(tab, "The language that you will speak")
                await agreed(tab)
                await tab.value(f"{CARD.format(1)}.querySelector('.record').click()")
                await tab.until("document.querySelector('#status').textContent.includes('refused')")
                await look(tab, "Record: picture 1", "Level of the microphone", "Picture 4 of 4")
                assert tab.complaints == []

    with visitors.store_of(tmp_path) as store:
        asyncio.run(visited())


class Cable:
    """A way to a server that can be cut so that neither side hears of it."""

    def __init__(self, address: str):
        self.port = int(address.rstrip("/").rpartition(":")[2])
        self.pumps: set[asyncio.Task] = set()

    async def reach(self) -> str:
        """The address at its other end."""
        ways = await asyncio.start_server(self.join, "127.0.0.1", 0)
        return f"http://127.0.0.1:{ways.sockets[0].getsockname()[1]}/"

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", self.port)
        for source, target in ((reader, ours), (theirs, writer)):
            self.pumps.add(asyncio.create_task(self.pump(source, target)))

    async def pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
        target.close()

    def cut(self) -> None:
        """What is connected now stays so, and nothing comes through any more."""
        for pump in self.pumps:
            pump.cancel()


def test_a_page_that_may_not_record_says_why_and_tries_again(speaking, tmp_path, monkeypatch):
    said = "document.querySelector('#connection').textContent.includes({})"
    offered = "document.querySelector('#again').hidden === false"

    async def visited() -> None:
        async with visitors.served(store) as address, visitors.visitor(address) as owner:
            await owner.ask("/api/enter", {"token": speakers.owner_token(store)})
            token = visitors.tokens(store)[0]
            async with page(speaking, f"{address}#{token}", "granted") as tab:
                monkeypatch.setattr(server, "MOST_RECORDERS", 0)
                await tab.until("document.querySelector('#consent')?.hidden === false")
                await consented(tab)
                await tab.until(said.format("'too many people record at once'"))
                monkeypatch.setattr(server, "MOST_RECORDERS", 1)
                await connected(tab)  # by itself
                await start(tab, 1)
                await owner.ask("/api/owner/close", {"number": 1})
                await tab.until(said.format("'this link was closed'"))
                assert await tab.value(verdict(1, "refused"))
                await tab.press("#again")
                await tab.until(said.format("'open the link with which you were invited'"))
                store.database.execute("UPDATE speaker SET token = ?", (token,))
                store.database.commit()
                await tab.until(offered)
                await tab.press("#again")
                await connected(tab)
                assert not await tab.value(offered)

    with visitors.store_of(tmp_path) as store:
        asyncio.run(visited())


def test_a_connection_that_died_without_a_word_is_noticed_and_replaced(speaking, tmp_path):
    async def visited() -> None:
        async with visitors.served(store) as address:
            cable = Cable(address)
            link = f"{await cable.reach()}#{visitors.tokens(store)[0]}"
            async with page(speaking, link, "granted") as tab:
                await agreed(tab)
                cable.cut()
                await tab.until("document.querySelector('#connection').className === 'wrong'")
                await connected(tab)

    with visitors.store_of(tmp_path) as store:
        asyncio.run(visited())
