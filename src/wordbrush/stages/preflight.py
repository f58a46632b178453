"""What no stage could use, found before the first one works for hours.

Whatever depends on parameters and given folders alone is checked here: by `wordbrush check`, by
`wordbrush doctor`, and before every stage. What depends on the machine (its memory) or on what
other stages made is checked by the stage that needs it. A check refuses, and changes nothing:
stages do not import this module, so no output depends on it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

from wordbrush import presets
from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import require_full_bands
from wordbrush.errors import WordbrushError
from wordbrush.gan.networks import resolutions
from wordbrush.params import ESPEAK, GROUPS, RECORDINGS, Captions, Params, engine_of_voice
from wordbrush.scenes.sampling import require_room
from wordbrush.stages.table import Stage
from wordbrush.storage.layout import PARAMS
from wordbrush.training import launch
from wordbrush.training.scaling import scaled
from wordbrush.versioning.graph import require_arranged
from wordbrush.versioning.places import DVC_FILE

BEFORE_SPEECH = (
    "render-scenes", "train-gan", "train-segmenter", "sample-images", "synthesize-captions",
)  # fmt: skip
SPEAKS_TWINS = ("speak-edits",)  # if there are any
READ_INPUTS = ("render-scenes", "import-collection")
NEEDED = ("voices", "held_out_voices")  # by each language
STARTS = ("pretrain-davenet",)  # from weights of others, if they are named
NEEDS_UNITS = ("cluster-units", "targeted-edits")  # of the generator that drew the samples
WHY = {  # a stage may be left out by a graph
    "drawn": "collection is null, and it works on one: name a folder that `wordbrush data` wrote",
    "recorded": "nothing learns to draw the collection's pictures: set redraw to true",
    "redrawn": "it is of pictures that are rendered and described here: set collection to null",
}


def check_all(params_file: Path, folder: Path) -> Iterator[str]:
    """Check params.yaml, its inputs and its graph, then every preset laid over it; yields what is
    good."""
    for file, params in presets.read_all(params_file, folder):
        applied = file == params_file
        with named(str(file) if applied else f"{params_file} with {file}"):
            check_parameters(params)
            if applied:  # what a preset would read or speak with may be elsewhere
                check_inputs(params)
                check_weights(params)
                warn_of_mirrors(params)
                if params.collection is None:
                    check_engines(params)
        if applied and (params_file.parent / DVC_FILE).is_file():
            require_arranged(params_file.parent, params.model_dump())
        yield str(file)


def check_stage(params: Params, stage: Stage) -> None:
    """All that can be known before `stage` runs, also of the stages that may come after it.

    Raises WordbrushError for the first fault.
    """
    with named(PARAMS):
        check_parameters(params)
        check_graph(params, stage)
        if stage.name in READ_INPUTS:
            check_inputs(params)
        if stage.name in STARTS:
            check_weights(params)
            warn_of_mirrors(params)
        # what comes after it may run where no engine is
        speaking = stage.name in BEFORE_SPEECH or (stage.name in SPEAKS_TWINS and params.twins.used)
        if speaking and params.graph == "drawn":
            check_engines(params)
        rendered = params.graph == "drawn" and params.samples.source == "renderer"
        if stage.name in NEEDS_UNITS and rendered:
            raise WordbrushError(
                f"samples.source is renderer, and {stage.name} edits units of the generator, which "
                "drew none of these samples: use generator, or stop after random-edits."
            )
        if not stage.parallel:  # a stage that trains uses the number, and checks its own batches
            check_processes(params, launch.wanted())


def check_graph(params: Params, stage: Stage) -> None:
    """Raises WordbrushError for a stage that the graph of these parameters leaves out."""
    if params.graph not in stage.graphs:
        why = WHY["redrawn" if stage.graphs == ("drawn",) else params.graph]
        raise WordbrushError(
            f"{stage.name} is left out of the graph {params.graph}: {why}, then run "
            "`wordbrush graph`."
        )


def check_parameters(params: Params) -> None:
    """Raises WordbrushError for parameters of any stage that params.py cannot judge alone."""
    require_room(params.scenes, params.seed)
    check_batches(params)
    with named("captions.bands"):
        require_full_bands(FeatureConfig.taken_from(params.captions))
    if find_spec("espeakng_loader"):  # or the stage that speaks will name the extra
        check_voices(params.captions)
        if params.collection is None:  # people describe a collection in their own languages
            check_languages(params.captions)


def check_batches(params: Params) -> None:
    """Raises WordbrushError where batches on GPUs would be larger than what they are taken from."""
    larger, train = scaled(params), params.samples.train
    if larger is params or params.collection is not None:
        return
    batches = {"davenet": (larger.davenet.batch_size, train)}
    if params.senses.used:  # half of a batch are pairs with sound
        batches["senses"] = 2 * larger.senses.batch_size, params.told_first
    for name, (size, count) in batches.items():
        if size > count:
            first = "" if count == train else f", {count} in the first language"
            raise WordbrushError(
                f"batch_factor {params.batch_factor} makes batches of {size} of {name}.batch_size, "
                f"and samples.train is {train}{first}: choose a smaller batch_factor"
            )


def check_languages(captions: Captions) -> None:
    """Raises WordbrushError for a language without a grammar, or which no voice speaks, and for a
    voice that speaks none of the languages. Engines are compared in the first one alone."""
    from wordbrush.captions.engines.table import language_of_voice
    from wordbrush.captions.language import language_of
    from wordbrush.captions.lines import spoken_in

    for language in captions.languages:
        with named("captions.languages"):
            language_of(language)
        for field in NEEDED:
            if not getattr(spoken_in(captions, language), field):
                raise WordbrushError(
                    f"captions.{field}: no voice speaks {language!r}, which captions.languages "
                    f"names: add one, as {language} or {language}+f2 of espeak-ng."
                )
    for field in GROUPS.values():
        known = captions.languages if field in NEEDED else captions.languages[:1]
        for voice in getattr(captions, field):
            if (spoken := language_of_voice(voice)) not in known:
                raise WordbrushError(
                    f"captions.{field}: {voice} speaks {spoken!r}, and shall say captions in "
                    f"{', '.join(known)} (captions.languages): leave the voice out, or add its "
                    "language."
                )


def check_voices(captions: Captions) -> None:
    """Raises WordbrushError for a voice or engine that does not exist, and for a speaker who is in
    two groups of voices under different names."""
    from wordbrush.captions.engines.table import require_apart, require_known
    from wordbrush.captions.voices import check_voice

    for field in GROUPS.values():
        with named(f"captions.{field}"):
            for voice in getattr(captions, field):
                if not require_known(voice):
                    check_voice(voice)
    for first, second in combinations(GROUPS.values(), 2):
        with named(f"captions.{second}"):
            require_apart(getattr(captions, first), getattr(captions, second))


def check_engines(params: Params) -> None:
    """Raises WordbrushError where a voice of another engine than espeak-ng cannot be had or does
    not speak. Each says a sentence, once: what it says is kept. People must have recorded the words
    of the tests; which captions they shall say is known when there are pictures."""
    captions = params.captions
    for field in GROUPS.values():
        engines = {voice: engine_of_voice(voice) for voice in getattr(captions, field)}
        speaking = [one for one, engine in engines.items() if engine not in (ESPEAK, RECORDINGS)]
        people = [voice for voice, engine in engines.items() if engine == RECORDINGS]
        with named(f"captions.{field}"):
            if speaking:
                from wordbrush.captions.engines.probe import require_speech

                require_speech(speaking)
            if people:
                check_recordings(captions, people, words=field != "voices" or bool(captions.groups))


def check_recordings(captions: Captions, people: list[str], words: bool) -> None:
    """Raises WordbrushError where the folder of recordings cannot be read, or lacks these voices,
    or if they shall say them, some of the words of the tests."""
    from wordbrush.captions.engines.table import require_recorded, require_voice, use_recordings
    from wordbrush.captions.grammar import grammar_of
    from wordbrush.captions.words import spoken_words

    use_recordings(captions.recordings)
    for voice in people:
        require_voice(voice)
    vocabulary = grammar_of(captions.languages[0]).vocabulary
    said = spoken_words(vocabulary, people) if words else []
    require_recorded((one["voice"], one["word"]) for one in said)


def check_inputs(params: Params) -> None:
    """Raises WordbrushError where something is missing of the folders that the parameters name."""
    if params.collection is not None:
        from wordbrush.corpora.collection import read_collection

        manifest = read_collection(Path(params.collection), params.pairs, params.seed)
        if len(params.davenet.languages) > 1:
            from wordbrush.data.loader import by_language

            by_language(manifest, manifest.captions("train"), params.davenet.languages)
        return
    if params.scenes.source == "clevr":
        from wordbrush.scenes import clevr

        clevr.paths(Path(params.scenes.clevr_path or ""), params.scenes.count)


def check_weights(params: Params) -> None:
    """Raises WordbrushError where the picture branch could not start from the weights named."""
    if params.davenet.image_weights.file is not None:
        import torch

        from wordbrush.davenet.config import EncoderConfig
        from wordbrush.davenet.encoders import ImageEncoder
        from wordbrush.davenet.others import require_weights

        config = EncoderConfig.of(params.davenet, FeatureConfig.taken_from(params.captions))
        with torch.device("meta"):  # its shapes alone are asked for
            branch = ImageEncoder(config)
        with named("davenet.image_weights"):
            require_weights(branch, params.davenet.image_weights)


def warn_of_mirrors(params: Params) -> None:
    """Print a sentence where training mirrors pictures whose captions say left or right. Nothing is
    refused: a few such captions may be worth more pictures."""
    if params.davenet.image_flip and params.collection is not None:
        from wordbrush.corpora import shards, sides

        folder = Path(params.collection)
        # a pod that trains need not have the collection
        if (folder / shards.ABOUT).is_file() and (said := sides.warning(folder)):
            print(f"warning: {said}")


def check_processes(params: Params, count: int) -> None:
    """Raises WordbrushError where so many processes could not share the batches of a stage."""
    batch = min(params.davenet.batch_size, params.samples.train)
    batches = {
        **{
            f"gan.batch_sizes[{size}]": params.gan.batch_sizes[size]
            for size in resolutions(params.scenes.resolution)
        },
        "segmenter.batch_size": params.segmenter.batch_size,
        "davenet.batch_size (or samples.train, if that is less)": batch,
        **({"twins.pairs_a_batch": params.twins.pairs_a_batch} if params.twins.used else {}),
    }
    for name, size in batches.items():
        if size % count:
            raise WordbrushError(
                f"{name} is {size}, which {count} processes cannot share equally: choose another "
                f"number, or another {launch.VARIABLE}."
            )
    for name in ("random_edits", "targeted_edits"):
        every = getattr(params.schedule, name).edit_every
        if count > 1 and batch // count % every:
            raise WordbrushError(
                f"schedule.{name}.edit_every is {every}, which does not divide the {batch // count}"
                f" pairs of each of {count} processes: choose another edit_every or "
                f"davenet.batch_size, or another {launch.VARIABLE}."
            )


@contextmanager
def named(origin: str) -> Iterator[None]:
    """Within, an error begins with what it is about."""
    try:
        yield
    except WordbrushError as error:
        raise WordbrushError(f"{origin}: {error}") from None
