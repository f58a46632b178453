"""Words, voices and stored features against known answers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.sound import SAMPLE_RATE, decode, encode
from wordbrush.captions.grammar import VOCABULARY, describe
from wordbrush.captions.lines import Line
from wordbrush.captions.recital import recite
from wordbrush.captions.voices import Voice, speak
from wordbrush.data.recordings import read_shards, write_shards
from wordbrush.data.speech import Crops, FeatureStore, write_features
from wordbrush.errors import WordbrushError
from wordbrush.scenes.facts import relate
from wordbrush.scenes.world import ATTRIBUTES

ROOT = Path(__file__).resolve().parents[2]
THINGS = [
    {"shape": "cube", "material": "metal", "color": "red", "size": "small", "x": 3.0, "y": 10.0},
    {
        "shape": "sphere",
        "material": "rubber",
        "color": "cyan",
        "size": "large",
        "x": 20.0,
        "y": 12.0,
    },
]


def test_a_description_names_every_object_with_all_its_attributes():
    texts = {describe(THINGS, np.random.default_rng(seed)) for seed in range(40)}
    assert len(texts) > 20
    for text in texts:
        for thing in THINGS:
            for attribute in ATTRIBUTES:
                assert any(
                    word in text.split() for word in VOCABULARY.synonyms[thing[attribute]]
                ), (
                    text,
                    attribute,
                )
        left, right = "left of it" in text, "right of it" in text
        assert left or right or "left of" in text or "right of" in text


def test_relations_follow_the_picture():
    assert relate(THINGS[0], THINGS[1]) == "left" and relate(THINGS[1], THINGS[0]) == "right"
    low, high = {"x": 5, "y": 20}, {"x": 6, "y": 3}
    assert relate(low, high) == "front" and relate(high, low) == "behind"
    assert "floor" in describe([], np.random.default_rng(0))


def test_every_attribute_value_has_a_word():
    assert set(VOCABULARY.synonyms) == {value for values in ATTRIBUTES.values() for value in values}
    words = [word for words in VOCABULARY.synonyms.values() for word in words]
    assert len(words) == len(set(words))


def test_words_are_timed():
    spoken = speak("a small red cube", Voice("en-us+f2", 170, 60))
    assert [word["word"] for word in spoken.words] == ["a", "small", "red", "cube"]
    ends = [word["end"] for word in spoken.words]
    assert [word["start"] for word in spoken.words][1:] == ends[:-1]
    assert ends[-1] == pytest.approx(len(spoken.sound) / SAMPLE_RATE, abs=0.01)


def test_bytes_do_not_depend_on_the_number_of_workers(tiny):
    count = 2 * tiny.captions.lines_per_process + 3
    lines = [
        Line(f"a red cube {number}", Voice(("en", "en-us+f2")[number % 2], 170, 40))
        for number in range(count)
    ]
    cores = os.sched_getaffinity(0)
    everywhere = [sound for sound, _, _ in recite(lines, tiny.captions, "speaking")]
    try:
        os.sched_setaffinity(0, {min(cores)})
        alone = [sound for sound, _, _ in recite(lines, tiny.captions, "speaking")]
    finally:
        os.sched_setaffinity(0, cores)
    assert everywhere == alone


STUBBORN = """
import os, sys
from wordbrush.captions.lines import Line
from wordbrush.captions.recital import recite
from wordbrush.captions.voices import Voice
from wordbrush.errors import run_command
from pathlib import Path
from wordbrush.params import load
import espeakng_loader
if __name__ != "__main__":  # in a worker: the library is one that ends its process
    espeakng_loader.get_library_path = lambda: os._exit(1)
def command():
    lines = [Line("a red cube", Voice("en", 170, 40)), Line("a blue cube", Voice("en", 170, 40))]
    list(recite(lines, load(Path(sys.argv[1])).captions, "speaking"))
run_command(command, "speak")
"""


def test_a_recital_whose_workers_die_ends_with_the_line(tmp_path):
    program = tmp_path / "speak.py"
    program.write_text(STUBBORN)
    done = subprocess.run(
        [sys.executable, str(program), str(ROOT / "params.yaml")],
        text=True,
        capture_output=True,
        timeout=100,
    )
    assert done.returncode == 2, done.stderr
    assert "speak: speaking 'a red cube' in the voice en: the process" in done.stderr
    assert "ended 2 times (exit code 1)" in done.stderr


@pytest.fixture
def store(tmp_path, tiny):
    rng = np.random.default_rng(0)
    features = [rng.uniform(0.1, 1, (length, 40)).astype(np.float16) for length in (30, 50, 41)]
    write_features(tmp_path / "features", features, FeatureConfig.taken_from(tiny.captions))
    return FeatureStore(tmp_path / "features"), features


def test_batches_pad_with_silence(store):
    opened, features = store
    batch, lengths = opened.batch(np.array([2, 0]))
    assert batch.shape == (2, 40, 41) and lengths.tolist() == [41, 30]
    assert np.array_equal(batch[1, :, :30].T.numpy(), features[0].astype(np.float32))
    assert (batch[1, :, 30:] == 0).all()


def test_crops_are_pieces_with_silence_around(store):
    opened, features = store
    margin = opened.silence
    rng = np.random.default_rng(1)
    for _ in range(30):
        batch, lengths = opened.crops(np.array([0, 1, 2]), Crops(1.0, 0.2, 60.0), rng)
        for row, length in enumerate(lengths.tolist()):
            piece = batch[row, :, margin : length - margin].T.numpy().astype(np.float16)
            assert 10 <= len(piece) <= len(features[row])
            assert any(
                np.array_equal(piece, features[row][at : at + len(piece)])
                for at in range(len(features[row]) - len(piece) + 1)
            )
            assert (batch[row, :, :margin] == 0).all() and (
                batch[row, :, length - margin :] == 0
            ).all()
    whole, lengths = opened.crops(np.array([1]), Crops(0.0, 0.2, 60.0), rng)
    assert lengths.tolist() == [50 + 2 * margin]
    assert torch.equal(whole[0, :, margin:-margin], opened.batch(np.array([1]))[0][0])


def test_damaged_features_are_named(store, tmp_path):
    offsets = tmp_path / "features/offsets.npy"
    np.save(offsets, np.array([0, 10]))
    with pytest.raises(WordbrushError, match=r"offsets\.npy does not fit"):
        FeatureStore(tmp_path / "features")
    (tmp_path / "features/features.json").write_text(json.dumps([])[:1])
    with pytest.raises(WordbrushError, match=r"features\.json is not readable"):
        FeatureStore(tmp_path / "features")


def test_shards_round_trip_and_damage(tmp_path):
    sound = (0.3 * np.sin(np.arange(4000) / 9)).astype(np.float32)
    rows = [
        {
            "audio": {"bytes": encode(sound), "path": f"{n}.flac"},
            "sample": n,
            "image": n,
            "split": "train",
            "text": "a cube",
            "words": [{"word": "a", "start": 0.0, "end": 0.1}],
            "language": "en",
            "voice": "en",
            "rate": 175,
            "pitch": 50,
        }
        for n in range(5)
    ]
    write_shards(tmp_path, rows, 2)
    assert len(list(tmp_path.glob("*.parquet"))) == 3
    assert read_shards(tmp_path) == rows
    assert np.abs(decode(rows[0]["audio"]["bytes"], "row 0") - sound).max() < 1e-4
    with pytest.raises(WordbrushError, match="row 9 is not readable sound"):
        decode(b"no sound", "row 9")
    shard = tmp_path / "train-00001-of-00003.parquet"
    shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.raises(
        WordbrushError, match=r"train-00001-of-00003\.parquet is not a readable Parquet"
    ):
        read_shards(tmp_path)
    with pytest.raises(WordbrushError, match="no Parquet shards"):
        read_shards(tmp_path / "nowhere")
