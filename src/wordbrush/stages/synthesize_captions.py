"""synthesize-captions: samples and segmenter -> speech, features, annotations, speech of the tests.

data/features is all that training gets. Text, word timings and parsed objects stay in data/speech
and data/annotations, for people and tests.
"""

from functools import partial
from pathlib import Path

import numpy as np

from wordbrush.audio.config import FeatureConfig
from wordbrush.captions.composition import (
    Script,
    Subjects,
    read_exchanges,
    write_composition,
    write_script,
)
from wordbrush.captions.engines.table import require_recorded, use_recordings
from wordbrush.captions.grammar import VOCABULARY
from wordbrush.captions.groups import Part, group_parts, said_in, write_part
from wordbrush.captions.lines import Line, drawing_lines, scene_lines
from wordbrush.captions.recital import recite, row
from wordbrush.captions.words import spoken_words, write_words
from wordbrush.data.manifest import Manifest
from wordbrush.data.recordings import write_shards
from wordbrush.data.speech import lengths_told, write_features
from wordbrush.data.splits import CAPTIONED, captioned_count, split_ranges
from wordbrush.params import Captions, Params
from wordbrush.scenes.records import RealPair
from wordbrush.segmenter.annotations import write_annotations
from wordbrush.segmenter.network import load_segmenter
from wordbrush.segmenter.parsing import describable, parse
from wordbrush.storage.files import open_array, read_json, whole_directory, write_json
from wordbrush.storage.layout import Layout
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.compute import device


def run(params: Params, layout: Layout, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    """Read the pictures, describe them, and speak the descriptions."""
    captions, size = params.captions, params.scenes.resolution
    images = open_array(layout.samples / "images.npy", "uint8", (None, size, size, 3))
    parsed = parse(load_segmenter(layout.segmenter, device()), images)
    described = parsed[: captioned_count(params.samples)]
    lines = drawing_lines(described, captions, params.segmenter.min_confidence, params.seed)
    pairs = read_json(layout.real_pairs / "pairs.json", list[RealPair])
    scenes = scene_lines([pair["scene"] for pair in pairs], captions, params.seed)
    splits = [name for name in CAPTIONED for _ in split_ranges(params.samples)[name]]
    script = composition(params, parsed, pairs, layout)
    parts = list(group_parts(captions, [line.text for line in lines], splits))
    require_all_recorded(captions, [*lines, *scenes], parts)
    speaking = partial(recite, lines, captions, "speaking captions")
    recited = list(checkpoints.continued("captions", speaking, captions.lines_per_process))
    rows = [
        row(number, split, line, sound, words)
        for number, (split, line, (sound, words, _)) in enumerate(
            zip(splits, lines, recited, strict=True)
        )
    ]
    features = [frames for _, _, frames in recited]
    with whole_directory(layout.speech) as folder:
        write_shards(folder, rows, captions.rows_per_shard)
    config = FeatureConfig.taken_from(captions)
    told = Manifest.of([{**one, "speaker": one["voice"]} for one in rows])
    write_features(layout.features, features, config, told)
    write_annotations(layout.annotations, parsed)
    with whole_directory(layout.test_speech) as folder:
        write_words(folder / "words", captions, captions.held_out_voices, VOCABULARY)
        write_real_pairs(folder / "real_pairs", captions, scenes)
        write_composition(folder / "composition", captions, script)
        for part in parts:
            write_part(folder / "groups" / part.group / part.engine, part, captions, VOCABULARY)
    write_json(layout.metrics("captions"), summary(parsed, features, params))


def composition(
    params: Params, parsed: list[list[dict]], real: list[RealPair], layout: Layout
) -> Script:
    """What is said for the tests of composition, on drawings of the tests and rendered scenes."""
    sure = params.segmenter.min_confidence, params.evaluation.min_certainty
    drawings = {
        number: parsed[number]
        for number in split_ranges(params.samples)["test"]
        if describable(parsed[number], *sure)
    }
    exchanged = read_exchanges(layout.real_pairs / "exchanges.json")
    subjects, captions = Subjects(drawings, real, exchanged), params.captions
    count = params.evaluation.composition_pairs
    return write_script(subjects, captions, captions.held_out_voices, count, params.seed)


def require_all_recorded(captions: Captions, lines: list[Line], parts: list[Part]) -> None:
    """Raises WordbrushError where people have not recorded all that their voices shall say."""
    use_recordings(captions.recordings)
    words = spoken_words(VOCABULARY, captions.held_out_voices)
    require_recorded(
        [
            *((line.voice.name, line.text) for line in lines),
            *((word["voice"], word["word"]) for word in words),
            *said_in(parts, VOCABULARY),
        ]
    )


def write_real_pairs(folder: Path, captions: Captions, lines: list[Line]) -> None:
    """A spoken caption of each original scene of the real-image test (P §6.5)."""
    features = [frames for _, _, frames in recite(lines, captions, "speaking pairs")]
    write_features(folder, features, FeatureConfig.taken_from(captions))
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
    config = FeatureConfig.taken_from(params.captions)
    return {
        "found": round(100 * float(np.mean(np.array(sure) > 0)), 2),
        "objects": round(float(np.mean(sure)), 3),
        **lengths_told(lengths, config),
    }
