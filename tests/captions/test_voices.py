"""What may be said, by whom, and where: the right speech, or one sentence."""

import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import espeakng_loader
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.captions.espeak import PATH_BYTES
from wordbrush.captions.voices import (
    LONGEST_TEXT,
    Voice,
    check_voice,
    languages,
    speak,
    variants,
)
from wordbrush.errors import WordbrushError

VOICE = Voice("en-us+m1", 170, 35)
SENTENCE = "a small red rubber cube"


def said(text: str, voice: Voice = VOICE) -> list[str]:
    return [word["word"] for word in speak(text, voice).words]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    text=st.text(max_size=40) | st.text("a b.,!?'-\n\0\x01", max_size=12),
    name=st.sampled_from(sorted(languages()))
    | st.sampled_from(["en-us+M1", "en+zz9", "EN", "", "+f2", "en+", "en\0", "../lang/gmw/en"])
    | st.text(max_size=6),
    rate=st.integers(70, 460) | st.sampled_from([170.0, True, None, np.int64(170)]),
    pitch=st.integers(-5, 105) | st.sampled_from(["35", 2**40]),
)
def test_any_text_and_voice_is_spoken_or_refused_in_one_sentence(text, name, rate, pitch):
    try:
        spoken = speak(text, Voice(name, rate, pitch))
    except WordbrushError as refusal:
        assert "\n" not in str(refusal)
        return
    assert 80 <= rate <= 450 and 0 <= pitch <= 99 and text.strip()
    assert spoken.sound.dtype == np.float32 and np.abs(spoken.sound).max() <= 1
    assert spoken.sound.any() and spoken.words
    for word in spoken.words:
        assert word["word"] in text
        assert 0 <= word["start"] <= word["end"] <= len(spoken.sound) / SAMPLE_RATE + 0.001


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["''", "nothing can be heard"]),
        ("...", ["'...'", "nothing can be heard"]),
        (" \n\t ", ["nothing can be heard"]),
        ("?!.,;", ["nothing can be heard"]),
        ("\u200b", [r"'\u200b'", "nothing can be heard"]),
        ("red\0cube", [r"'red\x00cube'", r"'\x00'", "remove it"]),
        ("red \udcff cube", [r"'\udcff'", "remove it"]),
        ("\x0150S red", [r"'\x01'", "remove it"]),  # espeak-ng would take it for a command
        ("red " * LONGEST_TEXT, ["'red red ", "40000 characters", "10000 is the most"]),
        (b"red", ["b'red'", "give a string"]),
        (None, ["None", "give a string"]),
    ],
)
def test_a_text_that_cannot_be_heard_is_named(text, words):
    with pytest.raises(WordbrushError) as caught:
        speak(text, VOICE)
    for word in words:
        assert word in str(caught.value)
    assert len(str(caught.value)) < 200
    assert said(SENTENCE) == SENTENCE.split()  # the engine is as good as before


@pytest.mark.parametrize(
    "name", ["klingon", "en-us+nobody", "en-us+zz9", "en-us+M1", "EN-US", "en+", "fo", "", None]
)
def test_an_unknown_voice_is_named_with_what_exists(name):
    for attempt in (lambda: check_voice(name), lambda: speak("red", Voice(name, 170, 35))):
        with pytest.raises(WordbrushError, match=r"no voice .*f2"):
            attempt()


@pytest.mark.parametrize(
    ("rate", "pitch", "words"),
    [
        (79, 35, "rate of a voice is 79; a whole number from 80 to 450"),
        (451, 35, "rate of a voice is 451"),
        (170.5, 35, "rate of a voice is 170.5"),
        (float("nan"), 35, "rate of a voice is nan"),
        (True, 35, "rate of a voice is True"),
        (170, 100, "pitch of a voice is 100; a whole number from 0 to 99"),
        (170, -1, "pitch of a voice is -1"),
        (170, "35", "pitch of a voice is '35'"),
    ],
)
def test_a_rate_or_pitch_out_of_range_is_named(rate, pitch, words):
    with pytest.raises(WordbrushError, match=words):
        speak("red", Voice("en-us+m1", rate, pitch))


def test_what_is_listed_can_be_spoken():
    for name in sorted(languages()):
        assert speak("o", Voice(name, 450, 35)).sound.any(), name
    plain = speak("o", Voice("en", 450, 35)).sound
    for name in sorted(variants()):
        other = speak("o", Voice(f"en+{name}", 450, 35)).sound
        assert other.any(), name
        assert not np.array_equal(other, plain), name


def test_long_words_keep_their_letters():
    assert said(f"{'a' * 40} red") == ["a" * 40, "red"]


def test_threads_wait_for_each_other():
    texts = [f"{SENTENCE} {name}" for name in ("one", "two", "three", "four") * 4]
    with ThreadPoolExecutor(8) as pool:
        spoken = list(pool.map(said, texts))
    assert spoken == [text.split() for text in texts]


def first_words() -> tuple[bytes, list[str]]:
    spoken = speak(SENTENCE, VOICE)
    return spoken.sound.tobytes(), [word["word"] for word in spoken.words]


def test_a_forked_child_speaks_as_a_new_process_does():
    speak(SENTENCE, VOICE)
    stop = threading.Event()

    def chatter() -> None:
        while not stop.is_set():
            speak(SENTENCE, VOICE)

    speaking = threading.Thread(target=chatter)  # holds the lock at most forks
    speaking.start()
    try:
        for _ in range(3):
            with get_context("fork").Pool(1) as pool:
                forked = pool.apply_async(first_words).get(60)
    finally:
        stop.set()
        speaking.join()
    with get_context("spawn").Pool(1) as pool:
        fresh = pool.apply(first_words)
    assert forked == fresh
    assert fresh[1] == SENTENCE.split()


SPEAK = """
import espeakng_loader, os, sys
espeakng_loader.get_data_path = lambda: sys.argv[1]
from wordbrush.captions.voices import Voice, speak
from wordbrush.errors import run_command
def command():
    spoken = speak("a small red rubber cube", Voice("en-us+m1", 170, 35))
    print(len(spoken.sound), [word["word"] for word in spoken.words])
run_command(command, "speak")
"""


def speak_with_data_in(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SPEAK, str(folder)], text=True, capture_output=True, timeout=60
    )


def folder_of_length(root: Path, length: int) -> Path:
    folder = root
    while (missing := length - len(os.fsencode(folder)) - 1) > 0:
        step = min(missing, 200)
        folder /= "x" * (step - (missing - step == 1))
    assert len(os.fsencode(folder)) == length
    folder.parent.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def near() -> str:
    return speak_with_data_in(espeakng_loader.get_data_path()).stdout


@pytest.mark.parametrize("length", [PATH_BYTES, PATH_BYTES + 1, 1000])
def test_data_at_a_long_path_speaks_the_same(tmp_path, near, length):
    folder = folder_of_length(tmp_path, length)
    folder.symlink_to(espeakng_loader.get_data_path())
    far = speak_with_data_in(folder)
    assert far.returncode == 0, far.stderr
    assert far.stdout == near and "rubber" in near


def test_missing_data_is_one_sentence(tmp_path):
    voices = tmp_path / "data"  # with voices, but without what all languages need
    shutil.copytree(espeakng_loader.get_data_path(), voices)
    (voices / "phontab").unlink()
    done = speak_with_data_in(voices)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("speak: espeak-ng does not start with its data in ")
    assert done.stderr.count("\n") == 1
    done = speak_with_data_in(tmp_path / "nowhere")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
