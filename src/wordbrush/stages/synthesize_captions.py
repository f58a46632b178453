"""synthesize-captions: samples and segmenter -> speech, features, annotations, and the spoken words and captions of the tests.

data/features is all that training gets. Text, timings and parsed objects stay in data/speech and data/annotations.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import log_mel, with_silence
from wordbrush.audio.sound import encode
from wordbrush.captions.grammar import SYNONYMS, describe
from wordbrush.captions.voices import Voice, check_voice, speak
from wordbrush.data.recordings import write_shards
from wordbrush.data.speech import write_features
from wordbrush.data.splits import CAPTIONED, captioned_count, split_ranges
from wordbrush.params import Captions, Params
from wordbrush.process import usable_cores
from wordbrush.scenes.records import RealPair
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.segmenter.annotations import write_annotations
from wordbrush.segmenter.network import load_segmenter
from wordbrush.segmenter.parsing import parse
from wordbrush.storage.files import open_array, read_json, whole_directory, write_json
from wordbrush.storage.layout import Layout
from wordbrush.telemetry.progress import track
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.compute import device
from wordbrush.training.signals import leave_signals


@dataclass(frozen=True)
class Line:
    """What is to be spoken, and by whom."""

    text: str
    voice: Voice


def run(params: Params, layout: Layout, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    for name in (*params.captions.voices, *params.captions.held_out_voices):
        check_voice(name)
    size = params.scenes.resolution
    images = open_array(layout.samples / "images.npy", "uint8", (None, size, size, 3))
    parsed = parse(load_segmenter(layout.segmenter, device()), images)
    lines = caption_lines(params, parsed[: captioned_count(params.samples)])
    splits = [name for name in CAPTIONED for _ in split_ranges(params.samples)[name]]
    rows, features = [], []
    recited = checkpoints.continued(
        "captions",
        partial(recite, lines, params.captions, "speaking captions"),
        params.captions.lines_per_process,
    )
    for number, (line, (sound, words, frames)) in enumerate(zip(lines, recited, strict=True)):
        rows.append(
            {
                "audio": {"bytes": sound, "path": f"{number:06d}.flac"},
                "sample": number,
                "split": splits[number],
                "text": line.text,
                "words": words,
                "voice": line.voice.name,
                "rate": line.voice.rate,
                "pitch": line.voice.pitch,
            }
        )
        features.append(frames)
    with whole_directory(layout.speech) as folder:
        write_shards(folder, rows, params.captions.rows_per_shard)
    write_features(layout.features, features, FeatureConfig.taken_from(params.captions))
    write_annotations(layout.annotations, parsed)
    with whole_directory(layout.test_speech) as folder:
        write_words(folder / "words", params, params.captions.held_out_voices)
        write_real_pairs(
            folder / "real_pairs",
            params,
            read_json(layout.real_pairs / "pairs.json", list[RealPair]),
        )
    write_json(layout.metrics("captions"), summary(parsed, features, params))


def caption_lines(params: Params, parsed: list[list[dict]]) -> list[Line]:
    """One description and voice an image; both depend on the seed and the sample's number alone."""
    lines = []
    for sample, objects in enumerate(parsed):
        rng = np.random.default_rng([params.seed, sample])
        sure = [
            thing for thing in objects if thing["confidence"] >= params.segmenter.min_confidence
        ]
        lines.append(Line(describe(sure, rng), random_voice(params.captions, rng)))
    return lines


def random_voice(captions: Captions, rng: np.random.Generator) -> Voice:
    return Voice(
        str(rng.choice(captions.voices)),
        int(rng.choice(captions.rates)),
        int(rng.choice(captions.pitches)),
    )


def recite(
    lines: list[Line], captions: Captions, title: str, first: int = 0
) -> Iterator[tuple[bytes, list[dict], np.ndarray]]:
    """Speak every line from `first` on, on all cores, in order: FLAC, word timings and features.

    Every `lines_per_process` lines, of which `first` is a multiple, are spoken by a fresh process, since espeak-ng remembers what
    it said before; so the bytes do not depend on the number of workers.
    """
    processes = get_context("forkserver")
    processes.set_forkserver_preload([__name__, "scipy.signal"])
    with processes.Pool(usable_cores(), _start_worker, maxtasksperchild=1) as pool:
        spoken = pool.imap(
            partial(recite_one, captions), lines[first:], chunksize=captions.lines_per_process
        )
        yield from track(spoken, title, len(lines), "caption", first)


def _start_worker() -> None:
    import torch

    torch.set_num_threads(1)
    leave_signals()


def recite_one(captions: Captions, line: Line) -> tuple[bytes, list[dict], np.ndarray]:
    """One line spoken, with silence before and after."""
    utterance, config = speak(line.text, line.voice), FeatureConfig.taken_from(captions)
    sound = with_silence(utterance.sound, config)
    shift = captions.silence_ms / 1000
    words = [
        {
            "word": word["word"],
            "start": round(word["start"] + shift, 3),
            "end": round(word["end"] + shift, 3),
        }
        for word in utterance.words
    ]
    return encode(sound), words, log_mel(sound, config)


def write_words(folder: Path, params: Params, voices: list[str]) -> None:
    """Every attribute word alone, by each of these voices, for the semantic test (P §6.2)."""
    captions = params.captions
    rate, pitch = (int(np.median(values)) for values in (captions.rates, captions.pitches))
    entries = [
        {"word": word, "attribute": attribute, "value": value, "voice": voice}
        for attribute, values in ATTRIBUTES.items()
        for value in values
        for word in SYNONYMS[value]
        for voice in voices
    ]
    lines = [Line(entry["word"], Voice(entry["voice"], rate, pitch)) for entry in entries]
    features = [frames for _, _, frames in recite(lines, captions, "speaking words")]
    write_features(folder, features, FeatureConfig.taken_from(captions))
    write_json(folder / "words.json", entries)


def write_real_pairs(folder: Path, params: Params, pairs: list[RealPair]) -> None:
    """A caption of each original scene of the real-image test (P §6.5), from the scene's own JSON."""
    lines = []
    for number, pair in enumerate(pairs):
        rng = np.random.default_rng([params.seed, number, 2])  # another stream than the captions'
        objects = [
            {**thing, "x": thing["pixel_coords"][0], "y": thing["pixel_coords"][1]}
            for thing in pair["scene"]["objects"]
        ]
        lines.append(Line(describe(objects, rng), random_voice(params.captions, rng)))
    features = [frames for _, _, frames in recite(lines, params.captions, "speaking pairs")]
    write_features(folder, features, FeatureConfig.taken_from(params.captions))
    write_json(folder / "captions.json", [{"text": line.text} for line in lines])


def summary(
    parsed: list[list[dict]], features: list[np.ndarray], params: Params
) -> dict[str, float]:
    """`found`: percent of samples in which the segmenter is sure of an object."""
    sure = [
        sum(thing["confidence"] >= params.segmenter.min_confidence for thing in objects)
        for objects in parsed
    ]
    lengths = np.array([len(frames) for frames in features])
    return {
        "found": round(100 * float(np.mean(np.array(sure) > 0)), 2),
        "objects": round(float(np.mean(sure)), 3),
        "seconds": round(float(lengths.mean()) * params.captions.hop_ms / 1000, 3),
        "truncated": int((lengths >= params.captions.max_frames).sum()),
    }
