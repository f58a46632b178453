"""Debian's Chromium with a microphone that plays a file, driven by its DevTools protocol."""

import asyncio
import base64
import itertools
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium")
PORT_FILE = "DevToolsActivePort"  # Chromium writes the port that it chose into its profile
START_SECONDS = 60


class Tab:
    """A page. What its console and its security policy complain of is in `complaints`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse):
        self.socket = socket
        self.numbers = itertools.count(1)
        self.answers: dict[int, asyncio.Future] = {}
        self.complaints: list[str] = []
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

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self.numbers)
        self.answers[number] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": number, "method": method, "params": params})
        answer = await asyncio.wait_for(self.answers[number], 60)
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

    async def until(self, script: str, seconds: float = 30) -> Any:
        """What a script gives as soon as it is true."""
        end = time.monotonic() + seconds
        while not (value := await self.value(script)):
            assert time.monotonic() < end, (script, await self.value("document.body.innerText"))
            await asyncio.sleep(0.1)
        return value

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


@asynccontextmanager
async def browser(profile: Path, address: str, *options: str) -> AsyncIterator[Tab]:
    """A page at this address, in a browser of its own whose profile is a new folder."""
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
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            port = await _port(profile / PORT_FILE)
            async with (
                aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
                session.get("/json/list") as response,
            ):
                targets = [one for one in await response.json() if one["type"] == "page"]
                async with session.ws_connect(
                    targets[0]["webSocketDebuggerUrl"], max_msg_size=0
                ) as socket:
                    tab = Tab(socket)
                    for domain in ("Page", "Runtime", "Log"):
                        await tab.call(f"{domain}.enable")
                    await tab.call("Page.navigate", url=address)
                    yield tab
                    tab.reader.cancel()
        finally:
            process.terminate()


async def _port(file: Path) -> int:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with suppress(FileNotFoundError, IndexError, ValueError):
            return int(file.read_text().splitlines()[0])
        await asyncio.sleep(0.1)
    raise AssertionError("Chromium does not start")


def microphone(file: Path) -> list[str]:
    """Options of a microphone that plays a WAV file once, and is allowed."""
    return [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={file}%noloop",
    ]
