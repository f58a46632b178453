"""synthesize-captions: samples and segmenter -> speech, features, annotations, speech of the tests.

data/features is all that the trainings of DAVEnet get. Text, word timings and parsed objects stay
in data/speech and data/annotations, for people, tests, speak-edits and train-senses.
"""

from collections.abc import Iterator
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
from wordbrush.captions.grammar import grammar_of
from wordbrush.captions.groups import Part, group_parts, said_in, write_part
from wordbrush.captions.lines import (
    Line,
    describers,
    drawing_lines,
    in_first,
    scene_lines,
    spoken_in,
)
from wordbrush.captions.recital import recite, row
from wordbrush.captions.rehearsal import rehearse
from wordbrush.captions.vocabulary import Vocabulary
from wordbrush.captions.words import spoken_words, word_lines, write_words
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
    tested, vocabularies = in_first(captions), vocabularies_of(captions)
    splits = [name for name in CAPTIONED for _ in split_ranges(params.samples)[name]]
    pictures, lines, texts = described(parsed[: captioned_count(params.samples)], splits, params)
    pairs = read_json(layout.real_pairs / "pairs.json", list[RealPair])
    drawn = [pair["scene"] for pair in pairs]
    scenes = scene_lines(drawn, tested, params.seed, captions.languages[0])
    script = composition(params, parsed, pairs, layout)
    parts = list(group_parts(tested, texts, splits))
    use_recordings(captions.recordings)
    said = [*lines, *scenes, *tests_of_voices(captions, parts)]
    require_recorded((line.voice.name, line.text) for line in said)
    rehearse([*said, *script.lines], captions)
    speaking = partial(recite, lines, captions, "speaking captions")
    recited = list(checkpoints.continued("captions", speaking, captions.lines_per_process))
    rows = [
        {**row(number, splits[picture], line, sound, words), "image": picture}
        for number, (picture, line, (sound, words, _)) in enumerate(
            zip(pictures, lines, recited, strict=True)
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
        for number, (language, vocabulary) in enumerate(vocabularies.items()):
            voices = spoken_in(captions, language).held_out_voices
            words = folder / "words" if number == 0 else folder / "languages" / language / "words"
            write_words(words, captions, voices, vocabulary)
        vocabulary = vocabularies[captions.languages[0]]
        write_real_pairs(folder / "real_pairs", captions, scenes)
        write_composition(folder / "composition", captions, script)
        for part in parts:
            write_part(folder / "groups" / part.group / part.engine, part, captions, vocabulary)
    write_json(layout.metrics("captions"), summary(parsed, features, params))


def vocabularies_of(captions: Captions) -> dict[str, Vocabulary]:
    """What captions can say, in each of the languages."""
    return {language: grammar_of(language).vocabulary for language in captions.languages}


def described(
    parsed: list[list[dict]], splits: list[str], params: Params
) -> tuple[list[int], list[Line], list[str]]:
    """The captions, language by language: the number of each one's picture, and its line.

    Returns also what the first language would say of every picture.
    """
    captions, pictures, lines = params.captions, [], []
    texts: list[str] = []
    for language in captions.languages:
        told = drawing_lines(
            parsed,
            spoken_in(captions, language),
            params.segmenter.min_confidence,
            params.seed,
            language,
        )
        texts = texts or [line.text for line in told]
        for number, (split, line) in enumerate(zip(splits, told, strict=True)):
            if language in describers(number, split, captions):
                pictures.append(number)
                lines.append(line)
    return pictures, lines, texts


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
    subjects, captions = Subjects(drawings, real, exchanged), in_first(params.captions)
    count = params.evaluation.composition_pairs
    return write_script(subjects, captions, captions.held_out_voices, count, params.seed)


def tests_of_voices(captions: Captions, parts: list[Part]) -> Iterator[Line]:
    """What is said for the tests of words, in each language, and of engines."""
    vocabularies = vocabularies_of(captions)
    for language, vocabulary in vocabularies.items():
        voices = spoken_in(captions, language).held_out_voices
        yield from word_lines(spoken_words(vocabulary, voices), captions)
    yield from said_in(parts, vocabularies[captions.languages[0]], captions)


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
