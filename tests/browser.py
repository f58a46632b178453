"""Debian's Chromium with a microphone that plays a file, driven by its DevTools protocol."""

import asyncio
import base64
import itertools
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium")
PORT_FILE = "DevToolsActivePort"  # Chromium writes the port that it chose into its profile
START_SECONDS = 120  # a slow machine that has other things to do takes some
ANSWER_SECONDS = 60
STOP_SECONDS = 10


class Navigated(AssertionError):
    """The page was left while a script ran in it."""


class Tab:
    """A page. What its console and its security policy complain of is in `complaints`.

    After `Page.startScreencast`, its pictures are in `frames`, as the protocol tells them.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse):
        self.socket = socket
        self.numbers = itertools.count(1)
        self.answers: dict[int, asyncio.Future] = {}
        self.complaints: list[str] = []
        self.frames: list[dict[str, Any]] = []
        self.thanks: set[asyncio.Task] = set()  # kept: the loop holds tasks only weakly
        self.reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            told = message.json()
            if "id" in told:
                self.answers.pop(told["id"]).set_result(told)
            elif told["method"] == "Log.entryAdded":
                self.complaints.append(told["params"]["entry"]["text"])
            elif told["method"] == "Runtime.exceptionThrown":
                self.complaints.append(str(told["params"]["exceptionDetails"]))
            elif told["method"] == "Page.screencastFrame":
                self._keep(told["params"])

    def _keep(self, frame: dict[str, Any]) -> None:
        self.frames.append(frame)
        thanks = self.call("Page.screencastFrameAck", sessionId=frame["sessionId"])
        self.thanks.add(task := asyncio.create_task(thanks))  # Chromium waits for it
        task.add_done_callback(self.thanks.discard)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self.numbers)
        self.answers[number] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": number, "method": method, "params": params})
        answer = await asyncio.wait_for(self.answers[number], ANSWER_SECONDS)
        if "navigated" in answer.get("error", {}).get("message", ""):
            raise Navigated(answer)
        assert "error" not in answer, answer
        return answer["result"]

    async def value(self, script: str) -> Any:
        """What a script gives, as JSON has it."""
        done = await self.call(
            "Runtime.evaluate",
            expression=script,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    async def until(self, script: str, seconds: float = 60) -> Any:
        """What a script gives as soon as it is true."""
        end = time.monotonic() + seconds
        while not (value := await self.value(script)):
            assert time.monotonic() < end, (script, await self.value("document.body.innerText"))
            await asyncio.sleep(0.1)
        return value

    async def reload(self) -> None:
        """Load the page anew; returns when the old one is gone."""
        await self.value("window.old = true")
        await self.call("Page.reload")
        while True:
            with suppress(Navigated):
                await self.until("!window.old && document.readyState === 'complete'")
                return

    async def text(self, selector: str) -> str:
        return await self.value(f"document.querySelector({selector!r}).textContent")

    async def press(self, selector: str) -> None:
        await self.value(f"document.querySelector({selector!r}).click()")

    async def resize(self, width: int, height: int, dark: bool = False) -> None:
        phone = width < 600
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])

    async def screenshot(self, path: Path) -> None:
        taken = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def chromium(profile: Path, *options: str) -> Iterator[str]:
    """A browser whose profile is a new folder: the address of its DevTools."""
    assert CHROMIUM, "install Debian's chromium"
    command = [
        CHROMIUM,
        "--headless=new",
        "--no-sandbox",  # tests run as root, for whom the sandbox does not start
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--autoplay-policy=no-user-gesture-required",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        *options,
        "about:blank",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{_port(process, profile / PORT_FILE)}"
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:  # it does not always end when it is asked to
            process.kill()
            process.wait()


def _port(process: subprocess.Popen, file: Path) -> int:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(FileNotFoundError, IndexError, ValueError):
            return int(file.read_text().splitlines()[0])
        time.sleep(0.1)
    raise AssertionError("Chromium does not start")


@asynccontextmanager
async def page(devtools: str, address: str, permission: str) -> AsyncIterator[Tab]:
    """A page at this address, with cookies and permissions of its own.

    permission: for the microphone: granted, denied or prompt.
    """
    async with (
        aiohttp.ClientSession(devtools) as session,
        session.get("/json/version") as response,
        _tab(session, (await response.json())["webSocketDebuggerUrl"]) as whole,
    ):
        context = (await whole.call("Target.createBrowserContext"))["browserContextId"]
        await whole.call(
            "Browser.setPermission",
            permission={"name": "microphone"},
            setting=permission,
            browserContextId=context,
        )
        target = await whole.call(
            "Target.createTarget", url="about:blank", browserContextId=context
        )
        async with _tab(session, f"/devtools/page/{target['targetId']}") as tab:
            for domain in ("Page", "Runtime", "Log"):
                await tab.call(f"{domain}.enable")
            await tab.call("Page.navigate", url=address)
            yield tab
        await whole.call("Target.disposeBrowserContext", browserContextId=context)


@asynccontextmanager
async def _tab(session: aiohttp.ClientSession, address: str) -> AsyncIterator[Tab]:
    async with session.ws_connect(address, max_msg_size=0) as socket:
        tab = Tab(socket)
        try:
            yield tab
        finally:
            tab.reader.cancel()


def microphone(file: Path) -> list[str]:
    """Options of a microphone that plays a WAV file over and over."""
    return ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={file}"]
