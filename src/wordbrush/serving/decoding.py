"""Sound files from others, decoded in a process that has little to lose.

Decoders of sound are large and read what strangers send. So they run in a process of their own,
which may use so much memory and time, may write no file, and returns nothing but samples.

    python -m wordbrush.serving.decoding SECONDS <FILE
"""

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import dataclass

import numpy as np

from wordbrush.corpora.records import Unusable
from wordbrush.corpora.sounds import decoded
from wordbrush.errors import WordbrushError

MOST_SAMPLES = 8 << 20  # of all channels of a file: 90 s of stereo at 48 kHz; decoded, 32 MB
MOST_TOLD = 4 * MOST_SAMPLES + (64 << 10)  # bytes that the process may answer
MEMORY = 1 << 30  # bytes of addresses beyond those of the libraries, of which FFmpeg takes many
CPU_SECONDS, WALL_SECONDS = 20, 60
OPEN_FILES = 32
AT_ONCE = 2  # processes; others wait
MOST_WAITING = 16  # files that wait in memory for a process
NAME = "the file"  # what messages call it
ADVICE = "bring WAV, FLAC, Ogg, Opus, MP3, M4A or WebM."


@dataclass(frozen=True)
class Samples:
    """float32 [S, C] in [-1, 1], and how many there are in a second."""

    sound: np.ndarray
    rate: int


class Decoder:
    """Decodes the files of a server."""

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(AT_ONCE)
        self.asked = 0

    async def decode(self, content: bytes, longest: float) -> Samples:
        """longest: seconds that it may last.

        Raises WordbrushError for what is no sound, is longer, or needs more than is allowed, and
        where too many files wait.
        """
        if self.asked >= AT_ONCE + MOST_WAITING:
            raise WordbrushError("too many files wait to be read: try again in a minute.")
        self.asked += 1
        try:
            async with self.free:
                told = await _answer(content, longest)
        finally:
            self.asked -= 1
        return _samples(told)


async def _answer(content: bytes, longest: float) -> bytes:
    """What a process of its own writes about a file."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, str(longest)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_environment(),
    )
    try:
        async with asyncio.timeout(WALL_SECONDS):
            return await _exchanged(process, content)
    except TimeoutError:
        raise WordbrushError(f"{NAME} takes too long to be read: {ADVICE}") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await _emptied(process)
        await process.wait()


async def _exchanged(process: asyncio.subprocess.Process, content: bytes) -> bytes:
    """What the process answers to a file. Raises WordbrushError for more than samples can be: a
    decoder that was taken over must not fill the server's memory."""
    assert process.stdin is not None and process.stdout is not None
    writing = asyncio.create_task(_write(process.stdin, content))
    try:
        return await _read(process.stdout)
    finally:
        writing.cancel()  # it may wait for a process that reads nothing


async def _write(into: asyncio.StreamWriter, content: bytes) -> None:
    with contextlib.suppress(ConnectionError):  # it ended at a limit
        into.write(content)
        await into.drain()
    into.close()


async def _emptied(process: asyncio.subprocess.Process) -> None:
    """Throw away what a process that was ended had still to say: until its output is read to the
    end, asyncio does not see that it is gone."""
    assert process.stdout is not None
    while await process.stdout.read(64 << 10):
        pass


async def _read(output: asyncio.StreamReader) -> bytes:
    told = bytearray()
    while part := await output.read(64 << 10):
        told += part
        if len(told) > MOST_TOLD:
            raise WordbrushError(f"{NAME} unpacks to more than is listened to: cut out a sentence.")
    return bytes(told)


def _environment() -> dict[str, str]:
    """What the process needs to find its modules, and nothing that is secret."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return {**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _samples(told: bytes) -> Samples:
    """What the process wrote: a line of JSON, and samples."""
    head, _, data = told.partition(b"\n")
    if not head:  # it was ended at a limit, or its decoder crashed
        raise WordbrushError(f"{NAME} needs more memory or time than is allowed: {ADVICE}")
    about = json.loads(head)
    if "error" in about:
        raise WordbrushError(about["error"])
    return Samples(np.frombuffer(data, np.float32).reshape(-1, about["channels"]), about["rate"])


def _limit() -> None:
    """Of this process, from now on, on Linux. The libraries that decode are loaded already."""
    if sys.platform != "linux":
        return
    import resource

    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    for limit, most in (
        (resource.RLIMIT_AS, used + MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        resource.setrlimit(limit, (most, most))


def _told(content: bytes, longest: float) -> bytes:
    try:
        found = decoded(content, NAME, longest)
    except Unusable as reason:
        what = (
            "lasts more than is listened to: cut out a sentence."
            if reason.kind == "too long"
            else f"is no sound that can be read ({reason.kind}): {ADVICE}"
        )
        return json.dumps({"error": f"{NAME} {what}"}).encode()
    except MemoryError:
        return b""
    if found.samples.size > MOST_SAMPLES:
        error = (
            f"{NAME} has {found.samples.shape[1]} channels at {found.rate} Hz, which is more than "
            "is listened to: cut out a sentence."
        )
        return json.dumps({"error": error}).encode()
    head = json.dumps({"rate": found.rate, "channels": found.samples.shape[1]})
    return head.encode() + b"\n" + found.samples.astype(np.float32).tobytes()


def main() -> None:
    with contextlib.suppress(ModuleNotFoundError):
        import av  # noqa: F401  (before the limits: loading it takes memory)
    content = sys.stdin.buffer.read()
    _limit()
    sys.stdout.buffer.write(_told(content, float(sys.argv[1])))


if __name__ == "__main__":
    main()
