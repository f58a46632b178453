"""Sounds and pictures in every form that people have: decoded alike, or refused in few words."""

import gzip
import io
import os
import struct
import unicodedata
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.corpora.miniatures import tone
from wordbrush.corpora import pictures, sounds
from wordbrush.corpora.media import NamedFile
from wordbrush.corpora.pictures import Look
from wordbrush.corpora.records import Unusable
from wordbrush.errors import WordbrushError

LOOK = Look(side=64, background="white")
LONGEST = 5.0
TONE = tone(3)
PCM = (TONE * 32768).round().astype(np.int16)


def file(samples: np.ndarray, rate: int = 16000, form: str = "WAV", subtype: str = "") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=form, subtype=subtype or None)
    return buffer.getvalue()


def encoded(samples: np.ndarray, rate: int, form: str, codec: str) -> bytes:
    """By FFmpeg."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            samples[None].astype(np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = rate
        fifo = av.AudioResampler(stream.format, "mono", rate, stream.frame_size or None)
        for part in [*fifo.resample(frame), *fifo.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def likeness(found: np.ndarray) -> float:
    """How like the tone a sound is, wherever it begins: the greatest correlation."""
    found = found / 32768
    products = np.correlate(found, TONE, mode="full")
    return float(products.max() / np.linalg.norm(found) / np.linalg.norm(TONE))


FORMS = {
    "wav": (file(PCM), "WAV PCM_16", ()),
    "24 bits": (file(TONE, subtype="PCM_24"), "WAV PCM_24", ("more than 16 bits",)),
    "floats": (file(TONE, subtype="FLOAT"), "WAV FLOAT", ("more than 16 bits",)),
    "stereo": (file(np.stack([TONE, TONE], 1)), "WAV PCM_16", ("several channels",)),
    "8 kHz": (file(tone(3, rate=8000), 8000), "WAV PCM_16", ("low sample rate",)),
    "48 kHz": (file(tone(3, rate=48000), 48000), "WAV PCM_16", ()),
    "mp3 in a .wav": (file(TONE, form="MP3"), "MP3 MPEG_LAYER_III", ("other type than its name",)),
    "flac in a .wav": (file(TONE, form="FLAC"), "FLAC PCM_16", ("other type than its name",)),
    "offset": (file(TONE / 2 + 0.3), "WAV PCM_16", ()),
    "m4a": (encoded(tone(3, rate=44100), 44100, "ipod", "aac"), "mov,mp4,m4a,3gp,3g2,mj2 aac", ()),
    "webm": (encoded(tone(3, rate=48000), 48000, "webm", "libopus"), "matroska,webm opus", ()),
}


@pytest.mark.parametrize("form", FORMS)
def test_any_sound_is_the_same_sound(form):
    data, name, notes = FORMS[form]
    suffix = ".m4a" if form in ("m4a", "webm") else ".wav"
    sound = sounds.load(data, f"a{suffix}", LONGEST)
    assert sound.form == name and tuple(kind for kind, _ in sound.notes) == notes
    assert abs(sound.seconds - 0.5) < 0.06 and likeness(sound.samples) > 0.98
    assert np.abs(sound.samples.astype(int)).max() > 1 << 14
    kept, rate = soundfile.read(io.BytesIO(sound.flac()), dtype="int16")
    assert rate == 16000 and np.array_equal(kept, sound.samples)


def test_16_bits_at_16_khz_are_kept_to_the_last_bit():
    quiet = PCM // 64
    assert np.array_equal(sounds.load(file(PCM), "a.wav", LONGEST).samples, PCM * 2)
    loud = PCM.copy()
    loud[99] = -32768
    assert np.array_equal(sounds.load(file(loud), "a.wav", LONGEST).samples, loud)
    found = sounds.load(file(quiet), "a.wav", LONGEST).samples
    assert np.array_equal(found // (found.max() // quiet.max()), quiet)


def with_data_size(data: bytes, size: int) -> bytes:
    at = data.index(b"data") + 4
    return data[:at] + struct.pack("<I", size) + data[at + 4 :]


@pytest.mark.parametrize(
    "size",
    [2 * len(PCM) + 100, 0xFFFFFFFF, 0x7FFFFFFF - 36],
    ids=["a little", "pipe", "other pipe"],
)
def test_a_header_that_lies_is_noted(size):
    sound = sounds.load(with_data_size(file(PCM), size), "a.wav", LONGEST)
    assert len(sound.samples) == len(PCM) and [kind for kind, _ in sound.notes] == ["wrong header"]


WAV, OGG = file(PCM), file(TONE, 44100, "OGG", "VORBIS")
MP4 = FORMS["m4a"][0]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty file"),
        (WAV[: len(WAV) // 2], "truncated"),
        (WAV[:20], "unreadable sound"),
        (file(TONE, form="FLAC")[:3000], "truncated"),
        (MP4[: len(MP4) // 2], "unreadable sound"),
        (b"<html>not found</html>", "unreadable sound"),
        (Path(__file__).read_bytes(), "unreadable sound"),
        (file(np.zeros(8000)), "silent"),
        (file(np.stack([TONE, -TONE], 1), subtype="FLOAT"), "silent"),
        (file(np.full(8000, 0.3)), "silent"),
        (file(np.full(8000, np.nan), subtype="FLOAT"), "not finite"),
        (file(TONE[:1000]), "too short"),
        (file(PCM[:0]), "too short"),
        (file(tone(1, 6)), "too long"),
        (encoded(tone(1, 6, 48000), 48000, "webm", "libopus"), "too long"),
        (file(TONE, 2000), "odd sample rate"),
    ],
)
def test_what_cannot_be_heard_is_refused_in_few_words(data, kind):
    with pytest.raises(Unusable) as refused:
        sounds.load(data, "a.wav", LONGEST)
    assert refused.value.kind == kind and "'a.wav'" in refused.value.detail


def test_ogg_without_its_end_is_noted():
    long = file(tone(3, 4, 44100), 44100, "OGG", "VORBIS")
    cut = sounds.load(long[: long.rindex(b"OggS")], "a.ogg", LONGEST)
    assert [kind for kind, _ in cut.notes] == ["no end"]
    assert not sounds.load(OGG, "a.ogg", LONGEST).notes


PIXELS = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)


def image(form: str, picture: Image.Image, **how: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **how)
    return buffer.getvalue()


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    return exif


RGB = Image.fromarray(PIXELS)


@pytest.mark.parametrize(
    "data",
    [
        image("PNG", RGB),
        image("BMP", RGB),
        image("WEBP", RGB, lossless=True),
        image("TIFF", RGB),
        image("PNG", RGB.convert("RGBA")),
        image("PNG", Image.fromarray(np.rot90(PIXELS)), exif=turned()),
    ],
    ids=["PNG", "BMP", "WEBP", "TIFF", "opaque", "turned"],
)
def test_any_picture_is_the_same_picture(data):
    picture = pictures.load(data, "a", LOOK)
    assert np.array_equal(picture.pixels, PIXELS) and not picture.notes
    content, suffix = picture.encoded()
    assert suffix == (".jpg" if picture.form.startswith("WEBP") else ".png")
    with Image.open(io.BytesIO(content)) as again:
        assert suffix == ".jpg" or np.array_equal(np.asarray(again), PIXELS)
        assert not again.getexif()


def test_what_is_transparent_shows_the_background():
    clear = np.concatenate([PIXELS, np.zeros_like(PIXELS[..., :1])], 2)
    palette = Image.fromarray(clear).convert("P")
    for given in (Image.fromarray(clear), palette):
        found = pictures.load(image("PNG", given), "a.png", Look(64, "#102030")).pixels
        assert (found == (0x10, 0x20, 0x30)).all()
    with pytest.raises(WordbrushError, match="'wihte' is no colour"):
        Look(64, "wihte").colour()


def test_grey_cmyk_and_16_bits():
    grey = np.linspace(0, 65535, 16 * 24).round().reshape(16, 24).astype(np.uint16)
    found = pictures.load(image("PNG", Image.fromarray(grey)), "a.png", LOOK).pixels
    assert np.array_equal(found, np.repeat((grey // 257)[..., None], 3, 2))
    cmyk = image("JPEG", Image.new("CMYK", (20, 20), (0, 255, 255, 0)), quality=100)
    assert np.abs(pictures.load(cmyk, "a.jpg", LOOK).pixels - (255.0, 0, 0)).max() < 4


def test_large_pictures_shrink_to_the_side_that_is_asked_for():
    large = image("JPEG", Image.new("RGB", (900, 600), (200, 10, 60)))
    found = pictures.load(large, "a.jpg", LOOK).pixels
    assert found.shape == (64, 96, 3) and np.abs(found - (200.0, 10, 60)).max() < 3
    upright = image("JPEG", Image.new("RGB", (900, 600)), exif=turned())
    assert pictures.load(upright, "a.jpg", LOOK).pixels.shape == (96, 64, 3)


SVG = (
    '<?xml version="1.0"?><!-- drawn --><svg xmlns="http://www.w3.org/2000/svg" width="{}" '
    'height="{}"><rect width="50%" height="100%" fill="#00f"/>{}</svg>'
)


@pytest.mark.parametrize("unit", ["", "pt", "cm"])
@pytest.mark.parametrize("gzipped", [False, True])
def test_drawings_are_drawn_at_the_side_that_is_asked_for(unit, gzipped):

    for size, shape in (((20, 30), (96, 64, 3)), ((30, 20), (64, 96, 3))):
        data = SVG.format(*(f"{one}{unit}" for one in size), "").encode()
        data = gzip.compress(data) if gzipped else data
        found = pictures.load(data, "a.svg", LOOK)
        assert found.form == "SVG" and not found.notes
        # A drawing measured in points may lose a part of a pixel.
        assert min(found.pixels.shape[:2]) == 64
        assert np.abs(np.subtract(found.pixels.shape, shape)).max() <= 1
        middle = found.pixels.shape[1] // 2
        assert (found.pixels[:-1, : middle - 1] == (0, 0, 255)).all()
        assert (found.pixels[:-1, middle + 2 :] == 255).all()


PNG, JPEG = image("PNG", RGB), image("JPEG", Image.fromarray(PIXELS.repeat(9, 0).repeat(9, 1)))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty file"),
        (JPEG[: len(JPEG) // 2], "truncated"),
        (PNG[:300], "truncated"),
        (PNG[:10], "unreadable picture"),
        (WAV, "unreadable picture"),
        (b"<html><svg", "unreadable picture"),
        (SVG.format(20, 30, "<g>").encode(), "unreadable picture"),
        (SVG.format(300, 2, "").encode(), "odd size"),
        (SVG.format(9, 9, '<image href="/etc/hostname.png"/>').encode(), "outside of the source"),
        (b"\x1f\x8b\x08cut", "truncated"),
        (image("PNG", RGB.resize((24, 7))), "odd size"),
        (image("PNG", RGB.resize((200, 9))), "odd size"),
        (image("TIFF", Image.fromarray(np.full((9, 9), 0.5, np.float32))), "unreadable picture"),
    ],
)
def test_what_cannot_be_seen_is_refused_in_few_words(data, kind):
    with pytest.raises(Unusable) as refused:
        pictures.load(data, "a.png", LOOK)
    assert refused.value.kind == kind and "'a.png'" in refused.value.detail


def test_a_picture_of_another_type_than_its_name_is_noted():
    assert pictures.load(PNG, "a.jpg", LOOK).notes[0][0] == "other type than its name"


def test_whatever_is_damaged_gives_a_reason_and_no_traceback(capfd):
    """Files cut and overwritten at random; faults found by many more of them are mended."""
    rng = np.random.default_rng(5)
    whole = [data for data, _, _ in FORMS.values()] + [OGG, file(PCM, form="W64")]
    seen = [PNG, JPEG, image("GIF", RGB), image("TIFF", RGB), SVG.format(20, 30, "").encode()]
    for _ in range(20):
        for data in whole + seen:
            damaged = np.frombuffer(data, np.uint8).copy()
            damaged = (
                damaged[: rng.integers(1, len(damaged) + 1)] if rng.random() < 0.4 else damaged
            )
            at = rng.integers(0, min(len(damaged), 400), rng.choice([1, 5, 30]))
            damaged[at] = rng.choice([0, 127, 255, rng.integers(256)])
            try:
                if data in seen:
                    pictures.load(damaged.tobytes(), "a.png", LOOK)
                else:
                    sounds.load(damaged.tobytes(), "a.wav", LONGEST)
            except Unusable as reason:
                assert reason.kind and "\n" not in reason.detail
    assert "Traceback" not in capfd.readouterr().err


def named(folder: Path, name: str) -> NamedFile:
    return NamedFile(name, (folder / "pictures", folder), (folder,))


def test_names_and_links_stay_in_the_source(tmp_path):
    source = tmp_path / "source"
    (source / "pictures").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(PNG)
    (source / "here.png").write_bytes(PNG)
    (source / "pictures/link.png").symlink_to(source / "here.png")
    (source / "pictures/out.png").symlink_to(tmp_path / "secret.png")
    (source / "pictures/round.png").symlink_to(source / "pictures/round.png")
    os.mkfifo(source / "pictures/pipe.png")
    for good in ("here.png", "link.png", "pictures/../here.png"):
        assert named(source, good).read() == PNG
    for bad, kind in (
        ("../secret.png", "outside of the source"),
        (str(tmp_path / "secret.png"), "outside of the source"),
        ("out.png", "outside of the source"),
        ("round.png", "unreadable file"),
        ("pipe.png", "not a file"),
        ("pictures", "not a file"),
        ("gone.png", "missing file"),
        ("a\0b", "missing file"),
        ("x" * 300, "missing file"),
    ):
        with pytest.raises(Unusable) as refused:
            named(source, bad).read()
        assert refused.value.kind == kind, bad


def test_accents_may_be_written_apart(tmp_path):
    apart, together = (unicodedata.normalize(form, "Köter.png") for form in ("NFD", "NFC"))
    (tmp_path / apart).write_bytes(PNG)
    assert named(tmp_path, together).read() == PNG
