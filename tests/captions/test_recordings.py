"""People's recordings as an engine: what a manifest may say, and what is wrong with one.

espeak-ng's speech stands in for a person, so the truth about its words is known.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.captions.engines import table
from wordbrush.captions.engines.recordings import VARIABLE, read_manifest
from wordbrush.captions.engines.reference import espeak
from wordbrush.captions.lines import Line, voice_at
from wordbrush.captions.recital import recite
from wordbrush.captions.voices import Voice, check_voice, speak
from wordbrush.errors import WordbrushError

TEXT = "a small red rubber cube and behind it a tiny cylinder"
SILENCE = 0.5  # seconds on either side


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """An empty cache, and recordings in tmp_path."""
    monkeypatch.setenv("WORDBRUSH_SPEECH", str(tmp_path / "cache"))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "spoken"))
    (tmp_path / "spoken").mkdir()
    for known in (table.engine_of, table.voices_of, table.version_of):
        known.cache_clear()
    yield
    for known in (table.engine_of, table.voices_of, table.version_of):
        known.cache_clear()


def record(path: Path, text: str, voice: str = "en-gb-x-rp", rate: int = 150) -> list[dict]:
    """Speak into a stereo file at espeak-ng's own rate, with silence around; the true words."""
    with espeak(voice) as engine:
        sound, words = engine.speak(text, rate, 40)
        silence = np.zeros(round(SILENCE * engine.rate), np.float32)
        whole = np.concatenate([silence, sound, silence])
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.stack([whole, whole], 1), engine.rate)
    ends = [*(word["start"] for word in words[1:]), len(sound) / engine.rate]
    return [
        {"word": word["word"], "start": SILENCE + word["start"], "end": SILENCE + end}
        for word, end in zip(words, ends, strict=True)
    ]


def write_manifest(folder: Path, *entries: dict) -> Path:
    """manifest.jsonl with these lines."""
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(one) + "\n" for one in entries), encoding="utf-8")
    return manifest


def test_a_recording_is_heard_with_the_times_of_its_manifest_or_with_found_ones(tmp_path):
    folder = tmp_path / "spoken"
    true = record(folder / "anna/1.wav", TEXT)
    record(folder / "zoé.flac", TEXT)
    write_manifest(
        folder,
        {"text": f"{TEXT.capitalize()}.", "speaker": "anna", "path": "anna/1.wav", "words": true},
        {"text": TEXT, "speaker": "zoé", "path": "zoé.flac"},
    )
    anna, zoe = (speak(TEXT, Voice(f"recordings/{name}", 210, 60)) for name in ("anna", "zoé"))
    seconds = soundfile.info(folder / "anna/1.wav").duration
    assert 0.85 < seconds - len(anna.sound) / SAMPLE_RATE < 1.1  # the silence around is gone
    assert [word["word"] for word in anna.words] == TEXT.split()
    lengths = [word["end"] - word["start"] for word in true]
    assert [word["end"] - word["start"] for word in anna.words[1:-1]] == pytest.approx(
        lengths[1:-1], abs=2e-3
    )
    shift = true[1]["start"] - anna.words[1]["start"]  # the speech begins after the silence
    assert shift == pytest.approx(SILENCE, abs=0.05)
    starts = [[word["start"] for word in one.words] for one in (anna, zoe)]
    assert np.abs(np.subtract(*starts)).max() < 0.15  # zoé's are laid over espeak-ng's
    with pytest.raises(WordbrushError, match=r"recordings has no voice 'bob' here: use recordings"):
        check_voice("recordings/bob")
    missing = r"recordings/anna has no recording of 1 of 1 text\(s\), such as 'a blue ball': record"
    with pytest.raises(WordbrushError, match=missing):
        speak("a blue ball", Voice("recordings/anna", 175, 50))


def test_a_bad_recording_is_warned_of(tmp_path, caplog):
    folder = tmp_path / "spoken"
    record(folder / "1.wav", TEXT)
    sound, rate = soundfile.read(folder / "1.wav")
    soundfile.write(folder / "1.wav", (20 * sound).clip(-1, 1), rate)
    write_manifest(folder, {"text": TEXT, "speaker": "anna", "path": "1.wav"})
    speak(TEXT, Voice("recordings/anna", 175, 50))
    (warning,) = [one for one in caplog.records if one.levelname == "WARNING"]
    assert "% of samples are clipped" in warning.getMessage()


def test_a_table_of_a_spreadsheet_is_a_manifest(tmp_path):
    for text in ("red", "blue"):
        record(tmp_path / f"{text}.wav", text)
    manifest = tmp_path / "manifest.csv"
    for separator, mark in ((",", ""), (";", "\ufeff")):
        rows = ["text speaker path", "Red! anna red.wav", "blue anna blue.wav"]
        lines = "\r\n".join(row.replace(" ", separator) for row in rows)
        manifest.write_bytes((mark + lines).encode())
        known = read_manifest(manifest)
        assert list(known) == ["anna"] and list(known["anna"]) == ["red", "blue"]
        assert known["anna"]["red"].words is None


def test_workers_speak_recordings_and_a_changed_one_is_heard_anew(tmp_path, tiny):
    folder = tmp_path / "spoken"
    for name in ("red", "blue"):
        record(folder / f"{name}.wav", name)
    write_manifest(
        folder, *({"text": one, "speaker": "a", "path": f"{one}.wav"} for one in ("red", "blue"))
    )
    captions = tiny.captions.model_copy(update={"recordings": str(folder)})
    lines = [Line(text, voice_at("recordings/a", 190, 50)) for text in ("red", "blue", "red")]
    assert {line.voice.rate for line in lines} == {175}  # a recording has its own
    first = list(recite(lines, captions, "speaking"))
    assert first[0][0] == first[2][0] != first[1][0]
    record(folder / "red.wav", "red", rate=120)
    again = list(recite(lines, captions, "speaking"))
    assert again[0][0] != first[0][0] and again[1][0] == first[1][0]
    table.require_recorded([("recordings/a", "Red."), ("en", "green")])
    wanted = ["red", "green", "cyan", "cube", "ball"]
    with pytest.raises(WordbrushError, match=r"of 4 of 5 text\(s\), such as 'green', 'cyan', 'cub"):
        table.require_recorded(("recordings/a", text) for text in wanted)


GOOD = {"text": "red", "speaker": "anna", "path": "red.wav"}
TIMED = {"word": "red", "start": 0.1, "end": 0.4}


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"path": "../outside.wav"}, "line 2: '../outside.wav' leads out of the folder"),
        ({"path": "link.wav"}, "line 2: 'link.wav' leads out of the folder"),
        ({"path": "/etc/hostname"}, "line 2: '/etc/hostname' leads out of the folder"),
        ({"path": "none.wav"}, r"none\.wav is missing"),
        ({"path": "a\0b"}, "is no path"),
        ({"text": " ?! "}, r"line 2: the text ' \?! ' has no word"),
        ({"text": "RED"}, "line 2: anna has recorded 'red' before"),
        ({"speaker": "../x"}, r"line 2: speaker = '\.\./x'"),
        ({"words": [TIMED, TIMED]}, "line 2: the words are not those of the text 'blue'"),
        ({"text": "red one", "words": [TIMED, {"word": "one", "start": 0.3, "end": 0.5}]},
         "'one' lasts from 0.3 to 0.5 seconds, and the word before it ends at 0.4"),
        ({"words": [{"word": "blue", "start": -1.0, "end": 0.5}]}, r"line 2: words\.0\.start = -1"),
        ({"speaker": None}, "line 2: speaker = None"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_used_is_named(tmp_path, entry, sentence):
    folder = tmp_path / "spoken"
    for path in (folder / "red.wav", tmp_path / "outside.wav"):
        path.write_bytes(b"sound")
    (folder / "link.wav").symlink_to(tmp_path / "outside.wav")
    manifest = write_manifest(folder, GOOD, {**GOOD, "text": "blue", **entry})
    with pytest.raises(WordbrushError, match=sentence) as caught:
        read_manifest(manifest)
    assert str(caught.value).startswith(str(manifest)) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "must hold one of manifest.jsonl and manifest.csv, and holds neither"),
        ({"manifest.jsonl": "", "manifest.csv": ""}, "and holds both"),
        ({"manifest.jsonl": "\n"}, "names no recording"),
        ({"manifest.jsonl": '{"text": "red"'}, "line 1 is not readable JSON"),
        ({"manifest.csv": "text,path\nred,red.wav\n"}, "lacks the column.s. speaker"),
        ({"manifest.csv": "text,speaker,path\nred,anna\n"}, "line 2: path = None"),
        ({"manifest.jsonl": json.dumps(GOOD), "red.wav": "no sound"}, "red.wav is not readable s"),
    ],
)
def test_what_a_folder_lacks_is_one_sentence(tmp_path, files, sentence):
    for name, text in files.items():
        (tmp_path / "spoken" / name).write_text(text)
    with pytest.raises(WordbrushError, match=sentence) as caught:
        speak("red", Voice("recordings/anna", 175, 50))
    assert "\n" not in str(caught.value)


def test_times_and_speech_must_fit_the_sound(tmp_path):
    folder = tmp_path / "spoken"
    record(folder / "red.wav", "red")
    write_manifest(
        folder,
        {**GOOD, "words": [{"word": "red", "start": 0.1, "end": 9.0}]},
        {**GOOD, "text": TEXT},
    )
    with pytest.raises(WordbrushError, match=r"but its last word ends after 9\.00"):
        speak("red", Voice("recordings/anna", 175, 50))
    with pytest.raises(WordbrushError, match=r"recordings/anna speaks 'a small .* for 0\.\d\d sec"):
        speak(TEXT, Voice("recordings/anna", 175, 50))


def test_voices_of_people_need_their_folder(monkeypatch):
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(
        WordbrushError, match=r"no recordings are named: captions\.recordings in par"
    ):
        check_voice("recordings/anna")
