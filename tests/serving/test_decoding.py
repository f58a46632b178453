"""Sound files from others: samples as they were, or a sentence, whatever they hold."""

import asyncio
import io
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import soundfile

from tests.workspace import environment
from wordbrush.errors import WordbrushError
from wordbrush.serving import decoding
from wordbrush.serving.decoding import Decoder, Samples

TONE = np.sin(np.arange(24000) * 0.05).astype(np.float32)[:, None] * 0.5 * np.ones((1, 2), "f4")


def decode(content: bytes, longest: float = 30.0) -> Samples:
    return asyncio.run(Decoder().decode(content, longest))


def file(sound: np.ndarray, rate: int = 48000, **how: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, rate, **how)
    return buffer.getvalue()


def webm(sound: np.ndarray) -> bytes:
    """As browsers record: Opus in Matroska."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="webm") as container:
        stream = container.add_stream("libopus", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(sound[None], format="flt", layout="mono")
        frame.rate = 48000
        resampler = av.AudioResampler(format=stream.codec_context.format.name, layout="mono",
                                      rate=48000, frame_size=960)  # fmt: skip
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def test_samples_come_as_they_were_written():
    found = decode(file(TONE, format="WAV", subtype="FLOAT"))
    assert found.rate == 48000 and np.array_equal(found.sound, TONE)


def test_what_a_browser_records_is_read():
    found = decode(webm(TONE[:, 0].copy()))
    assert found.rate == 48000 and len(found.sound) == pytest.approx(24000, abs=2000)
    assert np.abs(found.sound).max() == pytest.approx(0.5, abs=0.1)


def bomb() -> bytes:
    """Two hours of silence in some kilobytes."""
    return file(np.zeros(8000 * 7200, np.int16), 8000, format="FLAC")


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.wav", bytes(10_000_000))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [(bomb, "cut out a sentence"), (archive, "no sound that can be read")],
)
def test_what_is_no_sentence_is_refused_in_one(content, reason):
    with pytest.raises(WordbrushError, match=reason) as error:
        decode(content())
    assert "\n" not in str(error.value)


def test_so_many_files_wait_and_others_are_told_to_come_later():
    async def asked() -> None:
        decoder, content = Decoder(), file(TONE, format="WAV")
        most = decoding.AT_ONCE + decoding.MOST_WAITING
        waiting = [asyncio.create_task(decoder.decode(content, 30)) for _ in range(most)]
        await asyncio.sleep(0)
        with pytest.raises(WordbrushError, match="too many files wait"):
            await decoder.decode(content, 30)
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert len((await decoder.decode(content, 30)).sound) == len(TONE)

    asyncio.run(asked())


LIMITED = """
import os, sys
from wordbrush.serving import decoding
decoding.decoded = lambda *_: {}
decoding.main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits are Linux's")
@pytest.mark.parametrize(
    "does",
    ["bytes(4 << 30)", "open('/tmp/written', 'w').write('x' * 10**6)", "os.abort()"],
)
def test_a_decoder_that_was_taken_over_gets_neither_memory_nor_files(does, tmp_path):
    code = LIMITED.format(does.replace("/tmp", str(tmp_path)))
    done = subprocess.run(
        [sys.executable, "-c", code, "30"], input=b"x", capture_output=True, env=environment()
    )
    assert done.stdout == b"" or done.returncode != 0
    written = tmp_path / "written"
    assert not written.exists() or os.path.getsize(written) == 0


ENDLESS = """
import sys
from wordbrush.serving import decoding
sys.stdout.buffer.write(b'{"rate": 16000, "channels": 1}\\n')
while True:
    sys.stdout.buffer.write(bytes(1 << 16))
"""


@pytest.mark.parametrize("content", [b"x", bytes(4 << 20)])
def test_what_a_decoder_answers_is_bounded(monkeypatch, tmp_path, content):
    """A process that was taken over writes without end, in place of samples, and reads nothing."""
    (tmp_path / "endless.py").write_text(ENDLESS)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setattr(decoding, "__name__", "endless")
    monkeypatch.setattr(decoding, "MOST_TOLD", 1 << 20)
    with pytest.raises(WordbrushError, match="unpacks to more"):
        decode(content)
