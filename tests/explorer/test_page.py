"""The page in a real browser, with a microphone that plays sentences of espeak-ng."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.explorer.browser import Tab, browser, microphone
from tests.explorer.servers import ROOT, explorer, spoken
from wordbrush.audio.sound import encode
from wordbrush.explorer.server import SEED
from wordbrush.explorer.sounds import wav
from wordbrush.model import load_model

pytestmark = pytest.mark.web
# The brightest that each picture gets from now on, by its number.
WATCH = """
window.brightest = {};
new MutationObserver((changes) => changes.forEach(({ target }) => {
  const { number, light } = target.dataset;
  window.brightest[number] = Math.max(window.brightest[number] || 0, Number(light));
})).observe(document.querySelector("#gallery"), { subtree: true, attributeFilter: ["data-light"] });
"""
READY = "document.querySelector('#status')?.textContent.startsWith('Ready')"
NUMBERS = "[...document.querySelectorAll('figure')].map((one) => Number(one.dataset.number))"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with explorer() as (_, address):
        yield address


@pytest.fixture(scope="module")
def drawn() -> list[set[str]]:
    """What is in each picture of the gallery: words such as red and cube."""
    model = load_model(ROOT / "models/small")
    things = model.read(model.draw(48, SEED))
    return [{one[name] for one in each for name in ("color", "shape")} for each in things]


def visit(
    use: Callable[[Tab], Awaitable[None]], profile: Path, address: str, *options: str
) -> None:
    """Open the page, use it, and see that nothing was complained of."""

    async def visited() -> None:
        async with browser(profile, address, *options) as tab:
            await tab.until(READY)
            await use(tab)
            assert tab.complaints == []

    asyncio.run(visited())


def status(text: str) -> str:
    return f"document.querySelector('#status').textContent.includes({json.dumps(text)})"


def heard(word: str) -> str:
    return f"document.querySelector('#transcript').textContent.includes({json.dumps(word)})"


def test_pictures_light_up_while_one_speaks_and_only_those_that_fit(address, drawn, tmp_path):
    file = tmp_path / "said.wav"
    file.write_bytes(wav(spoken("a big red cube", before=2.0, after=3.0)))

    async def use(tab: Tab) -> None:
        await tab.value(WATCH)
        await tab.press("#microphone")
        await tab.until(status("Listening"))
        assert await tab.value("window.brightest") == {}  # nothing was said yet
        await tab.until(heard("cube"))
        assert await tab.text("#microphone") == "Stop listening"
        lit = {int(number): light for number, light in (await tab.value("brightest")).items()}
        red = [light for number, light in lit.items() if "red" in drawn[number]]
        others = [light for number, light in lit.items() if "red" not in drawn[number]]
        assert len(lit) == 12 and max(red) > 200
        assert np.mean(red) > 1.5 * np.mean(others)
        # after the pause, pictures are as they were
        await tab.until(
            "[...document.querySelectorAll('figure canvas')]"
            ".every((one) => one.style.opacity === '0')"
        )
        assert int(await tab.value("document.querySelector('#latency').dataset.count")) >= 10
        await tab.press("#microphone")
        assert await tab.text("#status") == "Stopped."

    visit(use, tmp_path / "profile", address, *microphone(file))


def test_typed_words_and_files_light_up_and_find(address, drawn, tmp_path):
    file = tmp_path / "said.flac"
    file.write_bytes(encode(spoken("a big green cylinder")))

    async def use(tab: Tab) -> None:
        await tab.value(WATCH)
        await tab.value("document.querySelector('#text').value = 'a big red cube'")
        await tab.press("#say button")
        await tab.until(heard("cube"))
        lit = await tab.value("brightest")
        assert "red" in drawn[int(max(lit, key=lambda number: lit[number]))]
        await tab.press("#find")
        await tab.value("document.querySelector('#text').value = 'a big red cube'")
        await tab.press("#say button")
        await tab.until("document.querySelector('figcaption').textContent === '1'")
        best = (await tab.value(NUMBERS))[0]
        assert {"red", "cube"} <= drawn[best]
        assert await tab.text("#searched") == "best of 48 drawings"
        found = await tab.call("DOM.getDocument")
        found = await tab.call(
            "DOM.querySelector", nodeId=found["root"]["nodeId"], selector="#file"
        )
        await tab.call("DOM.setFileInputFiles", files=[str(file)], nodeId=found["nodeId"])
        await tab.until(status("Heard said.flac"))
        await tab.until(f"({NUMBERS})[0] !== {best}")
        assert "green" in drawn[(await tab.value(NUMBERS))[0]]
        await tab.press("#speak")
        assert await tab.value(NUMBERS) == list(range(12))

    visit(use, tmp_path / "profile", address)


def test_a_spoken_sentence_finds(address, drawn, tmp_path):
    file = tmp_path / "said.wav"
    file.write_bytes(wav(spoken("a big red cube", before=2.0, after=3.0)))

    async def use(tab: Tab) -> None:
        await tab.press("#find")
        await tab.press("#microphone")
        await tab.until("document.querySelector('figcaption').textContent === '1'")
        await tab.until(status("Listening: "))  # the pause has ended the sentence
        assert {"red", "cube"} <= drawn[(await tab.value(NUMBERS))[0]]

    visit(use, tmp_path / "profile", address, *microphone(file))


def test_microphones_that_are_missing_refused_or_silent(address, tmp_path):
    async def missing(tab: Tab) -> None:
        await tab.press("#microphone")
        await tab.until(status("There is no microphone"))
        assert await tab.text("#microphone") == "Start listening"

    async def refused(tab: Tab) -> None:
        microphones = {"name": "microphone"}
        await tab.call("Browser.setPermission", permission=microphones, setting="denied")
        await tab.press("#microphone")
        await tab.until(status("The microphone was refused"))
        assert await tab.text("#microphone") == "Start listening"

    visit(missing, tmp_path / "missing", address)
    visit(refused, tmp_path / "refused", address, "--use-fake-device-for-media-stream")
    file = tmp_path / "silence.wav"
    file.write_bytes(wav(np.zeros(16000 * 12, np.float32)))

    async def silent(tab: Tab) -> None:
        await tab.press("#microphone")
        await tab.until(status("The microphone is silent"))

    visit(silent, tmp_path / "silent", address, *microphone(file))


def test_the_page_finds_a_server_again_that_was_killed(tmp_path):
    with explorer() as (process, address):

        async def use(tab: Tab) -> None:
            process.send_signal(signal.SIGKILL)
            await tab.until(status("The explorer is gone"))
            port = address.rstrip("/").rpartition(":")[2]
            with explorer("--port", port):
                await tab.until(READY, 60)
                await tab.value("document.querySelector('#text').value = 'a big red cube'")
                await tab.press("#say button")
                await tab.until(heard("cube"))
            tab.complaints.clear()  # of connections that failed in between

        visit(use, tmp_path / "profile", address)


@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_a_phone_and_a_desk_and_has_a_name_for_every_control(address, width, tmp_path):
    async def use(tab: Tab) -> None:
        for dark in (False, True):
            await tab.resize(width, 800, dark)
            assert await tab.value("document.documentElement.scrollWidth") <= width
        assert await tab.value("getComputedStyle(document.body).backgroundColor") == (
            "rgb(20, 23, 27)"
        )
        tree = (await tab.call("Accessibility.getFullAXTree"))["nodes"]
        roles = ("button", "textbox", "image", "meter", "link")
        named = [
            (one["role"]["value"], one["name"]["value"])
            for one in tree
            if not one["ignored"] and one["role"]["value"] in roles
        ]
        assert ("button", "Start listening") in named and ("textbox", "Or type words") in named
        assert all(name for _, name in named), named

    visit(use, tmp_path / "profile", address)
