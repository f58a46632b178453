"""The page in a real browser, with a microphone that says a sentence of espeak-ng over and over.

Nothing here depends on how fast the machine is: what is waited for comes with a later sentence if
it does not come with the first.
"""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from tests.browser import Tab, chromium, microphone, page
from tests.explorer.servers import READY, ROOT, explorer, served, spoken, type_and_say
from wordbrush.audio.sound import encode
from wordbrush.explorer.gallery import drawn_gallery
from wordbrush.explorer.listening import Studio
from wordbrush.explorer.server import SEED
from wordbrush.explorer.sounds import wav
from wordbrush.model import load_model

pytestmark = pytest.mark.web
RED_CUBE = "a big red cube"
# Whether, at some moment from now on, pictures with red in them were the brightest: `seen`.
WATCH = """
const red = new Set(%s);
const mean = (all) => all.reduce((sum, one) => sum + one, 0) / all.length;
window.seen = false;
new MutationObserver(() => {
  const lights = [...document.querySelectorAll("figure")].map(
    ({ dataset }) => [red.has(Number(dataset.number)), Number(dataset.light)]);
  const of = (is) => lights.filter(([reds]) => reds === is).map(([, light]) => light);
  window.seen ||= Math.max(...of(true)) > 200 && mean(of(true)) > 2 * mean(of(false));
}).observe(document.querySelector("#gallery"), { subtree: true, attributeFilter: ["data-light"] });
"""
STATUSES = """
window.statuses = [];
new MutationObserver(() => statuses.push(document.querySelector("#status").textContent))
  .observe(document.querySelector("#status"), { childList: true });
"""
PIXELS = "document.querySelector('#after').toDataURL()"
NUMBERS = "[...document.querySelectorAll('figure')].map((one) => Number(one.dataset.number))"
UNVEILED = """
[...document.querySelectorAll("figure canvas")].every((one) => one.style.opacity === "0")
"""


@pytest.fixture(scope="module")
def studio() -> Studio:
    model = load_model(ROOT / "models/small")
    return Studio.of(model, drawn_gallery(model, 48, SEED), SEED)


@pytest.fixture(scope="module")
def drawn(studio) -> list[set[str]]:
    """What is in each picture of the gallery: words such as red and cube."""
    things = studio.model.read(studio.gallery.pictures)
    return [{one[name] for one in each for name in ("color", "shape")} for each in things]


@pytest.fixture(scope="module")
def speaking(tmp_path_factory) -> Iterator[str]:
    """A browser whose microphone says a big red cube."""
    folder = tmp_path_factory.mktemp("speaking")
    (folder / "said.wav").write_bytes(wav(spoken(RED_CUBE, before=0.5, after=2.0)))
    with chromium(folder / "profile", *microphone(folder / "said.wav")) as devtools:
        yield devtools


def visit(
    use: Callable[[Tab], Awaitable[None]],
    studio: Studio,
    devtools: str,
    permission: str = "prompt",
) -> None:
    """Open the page, use it, and see that nothing was complained of."""

    async def visited() -> None:
        async with served(studio) as address, page(devtools, address, permission) as tab:
            await tab.until(READY)
            await use(tab)
            assert tab.complaints == []

    asyncio.run(visited())


def status(text: str) -> str:
    return f"document.querySelector('#status').textContent.includes({json.dumps(text)})"


def changes(count: int) -> str:
    return f"document.querySelector('#reads').dataset.changes === '{count}'"


def heard(word: str) -> str:
    return f"document.querySelector('#transcript').textContent.includes({json.dumps(word)})"


def those_with(drawn: list[set[str]], *words: str) -> list[int]:
    return [number for number, told in enumerate(drawn) if {*words} <= told]


def best_is_of(numbers: list[int]) -> str:
    return "document.querySelector('figcaption').textContent === '1' && " + (
        f"{json.dumps(numbers)}.includes({NUMBERS}[0])"
    )


def test_pictures_that_fit_light_up_while_one_speaks(studio, speaking, drawn):
    async def use(tab: Tab) -> None:
        await tab.value(WATCH % those_with(drawn, "red"))
        await tab.press("#microphone")
        await tab.until("window.seen")
        await tab.until(heard("red cube"))  # with a space between the words
        assert await tab.text("#microphone") == "Stop listening"
        await tab.until(UNVEILED)  # in the pause between two sentences
        await tab.until("document.querySelector('#latency').dataset.count >= 10")
        await tab.press("#microphone")
        assert await tab.text("#status") == "Stopped."

    visit(use, studio, speaking, "granted")


def test_a_spoken_sentence_finds(studio, speaking, drawn):
    async def use(tab: Tab) -> None:
        await tab.press("#find")
        await tab.press("#microphone")
        await tab.until(best_is_of(those_with(drawn, "red", "cube")))

    visit(use, studio, speaking, "granted")


def test_a_microphone_that_is_refused(studio, speaking):
    async def use(tab: Tab) -> None:
        await tab.press("#microphone")
        await tab.until(status("The microphone was refused"))
        assert await tab.text("#microphone") == "Start listening"

    visit(use, studio, speaking, "denied")


def test_typed_words_and_files_light_up_and_find(studio, speaking, drawn, tmp_path):
    file = tmp_path / "said.flac"
    file.write_bytes(encode(spoken("a big green cylinder")))

    async def use(tab: Tab) -> None:
        await tab.value(WATCH % those_with(drawn, "red"))
        await type_and_say(tab, RED_CUBE)
        await tab.until("window.seen")
        await tab.until(heard("cube"))
        sharp = "(({ width, clientWidth }) => width === Math.round(clientWidth * devicePixelRatio))"
        assert await tab.value(f"{sharp}(document.querySelector('#strip'))")
        await tab.press("#find")
        await type_and_say(tab, RED_CUBE)
        await tab.until(best_is_of(those_with(drawn, "red", "cube")))
        assert await tab.text("#searched") == "best of 48 pictures"
        found = await tab.call("Runtime.evaluate", expression="document.querySelector('#file')")
        await tab.call(
            "DOM.setFileInputFiles", files=[str(file)], objectId=found["result"]["objectId"]
        )
        await tab.until(status("Heard said.flac"))
        await tab.until(best_is_of(those_with(drawn, "green")))
        await tab.press("#speak")
        assert await tab.value(NUMBERS) == list(range(12))

    visit(use, studio, speaking)


def test_a_spoken_concept_changes_a_drawing_and_undo_takes_it_back(studio, speaking):
    async def use(tab: Tab) -> None:
        await tab.press("#draw")
        await tab.until(changes(0))
        before = await tab.value(PIXELS)
        await tab.press("#change")
        assert await tab.text("#status") == "Point at a spot of the drawing first."
        await tab.press("#things button")  # points at the first thing that is read
        await type_and_say(tab, "blue")
        await tab.until(changes(1))
        assert "something else" in await tab.text("#reads")
        assert "blue" in await tab.text("#after-read")
        assert await tab.value(PIXELS) != before
        await tab.value(
            "document.querySelector('#units').value = 1;"
            "document.querySelector('#units').dispatchEvent(new Event('input'))"
        )
        await tab.until("document.querySelector('#reads').textContent.includes('the same')")
        await tab.press("#undo")
        await tab.until(changes(0))
        assert await tab.value(PIXELS) == before

    visit(use, studio, speaking)


def test_a_drawing_walks_and_is_pointed_at_by_keys(studio, speaking):
    async def use(tab: Tab) -> None:
        await tab.press("#draw")
        await tab.until(changes(0))
        before = await tab.value(PIXELS)
        await tab.press("#walk")
        await tab.until(f"{PIXELS} !== {json.dumps(before)}")
        await tab.press("#walk")
        assert await tab.text("#walk") == "Walk on"
        for key in ("ArrowUp", "ArrowLeft"):
            event = f"new KeyboardEvent('keydown', {{ key: '{key}', cancelable: true }})"
            await tab.value(f"document.querySelector('#spot').dispatchEvent({event})")
        label = await tab.value("document.querySelector('#spot').getAttribute('aria-label')")
        assert label.startswith("Spot in row 4, column 4 of 8")

    visit(use, studio, speaking)


def test_concepts_answer_a_word_and_can_be_switched_off(studio, speaking):
    async def use(tab: Tab) -> None:
        await tab.press("#concepts")
        await type_and_say(tab, "a green ball")
        await tab.until("document.querySelector('#answering').textContent.length")
        assert (await tab.text("#cards h3")).startswith("sphere")
        assert await tab.value("document.querySelectorAll('#cards li').length") == 32
        await tab.value("document.querySelector('#cards li .row button:last-child').click()")
        await tab.until(changes(1))
        assert not await tab.value("document.querySelector('#easel-title').offsetParent === null")

    visit(use, studio, speaking)


def test_a_model_that_does_not_draw_lights_up_ones_own_pictures(studio, speaking):
    """As one of a collection, of whose pictures nobody said what they show."""
    model = replace(
        studio.model,
        config=studio.model.config.model_copy(update={"graph": "recorded"}),
        generator=None,
        segmenter=None,
        meanings=[{**one, "seen": None, "gan_units": []} for one in studio.model.meanings],
    )

    async def use(tab: Tab) -> None:
        shown = "document.querySelector('#draw').offsetParent !== null"
        assert not await tab.value(shown)
        await tab.press("#concepts")
        await type_and_say(tab, "a ball")
        await tab.until("document.querySelector('#answering').textContent.length")
        assert "sees" not in await tab.text("#cards li p")
        assert await tab.value("document.querySelectorAll('#cards li').length") == 32

    visit(use, Studio.of(model, None, SEED, studio.gallery), speaking)


def test_what_is_said_last_is_played(studio, speaking):
    async def use(tab: Tab) -> None:
        await tab.value(STATUSES)
        await type_and_say(tab, "a small green ball")
        await type_and_say(tab, "a big brown cylinder")
        await type_and_say(tab, RED_CUBE)
        await tab.until(heard("cube"))
        assert [one for one in await tab.value("statuses") if not one.startswith("Hearing")] == [
            f"Heard “{RED_CUBE}”."
        ]
        assert await tab.value("document.querySelector('#transcript').children.length") == 1

    visit(use, studio, speaking)


def test_a_microphone_that_is_missing(studio, tmp_path):
    async def use(tab: Tab) -> None:
        await tab.press("#microphone")
        await tab.until(status("There is no microphone"))
        assert await tab.text("#microphone") == "Start listening"

    with chromium(tmp_path / "profile") as devtools:
        visit(use, studio, devtools, "granted")


def test_a_microphone_that_is_silent(studio, tmp_path):
    file = tmp_path / "silence.wav"
    file.write_bytes(wav(np.zeros(16000, np.float32)))

    async def use(tab: Tab) -> None:
        await tab.press("#microphone")
        await tab.until(status("The microphone is silent"))

    with chromium(tmp_path / "profile", *microphone(file)) as devtools:
        visit(use, studio, devtools, "granted")


def test_the_page_finds_a_server_again_that_was_killed(studio, speaking):
    async def visited(process, address: str) -> None:
        async with page(speaking, address, "prompt") as tab:
            await tab.until(READY)
            process.send_signal(signal.SIGKILL)
            process.wait()  # then its port is free
            await tab.until(status("The explorer is gone"))
            async with served(studio, int(address.rstrip("/").rpartition(":")[2])):
                await tab.until(READY)
                await type_and_say(tab, RED_CUBE)
                await tab.until(heard("cube"))

    with explorer() as (process, address):
        asyncio.run(visited(process, address))


@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_a_phone_and_a_desk_and_has_a_name_for_every_control(studio, speaking, width):
    visit(partial(look, width), studio, speaking)


async def look(width: int, tab: Tab) -> None:
    for dark in (False, True):
        await tab.resize(width, 800, dark)
        for view in ("find", "draw", "concepts", "speak"):
            await tab.press(f"#{view}")
            assert await tab.value("document.documentElement.scrollWidth") <= width, view
    ground = await tab.value("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(20, 23, 27)"
    tree = (await tab.call("Accessibility.getFullAXTree"))["nodes"]
    roles = ("button", "textbox", "image", "meter", "link")
    named = [
        (one["role"]["value"], one["name"]["value"])
        for one in tree
        if not one["ignored"] and one["role"]["value"] in roles
    ]
    assert ("button", "Start listening") in named and ("textbox", "Or type words") in named
    assert all(name for _, name in named), named
