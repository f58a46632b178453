"""train-senses: samples, features, speech, annotations, segmenter -> senses: three senses that
share their upper layers, and what is measured of them.

This is the one training that reads text, and it does so only if `senses.loss` asks for it. With
`none` it reads nothing, and there is no network.
"""

from pathlib import Path

import numpy as np

from wordbrush.audio.features import with_silence
from wordbrush.audio.sound import encode
from wordbrush.data.recordings import each_row, read_shards
from wordbrush.params import Params
from wordbrush.senses.alike import AlikeUnit, alike_units
from wordbrush.senses.cases import Cases
from wordbrush.senses.config import SensesConfig
from wordbrush.senses.encoding import units_of
from wordbrush.senses.measures import ASKED, Measures
from wordbrush.senses.reading import Attributes, heard_objects, read_cases
from wordbrush.senses.results import UNITS, SensesMetrics, ShownUnit
from wordbrush.senses.struck import struck
from wordbrush.senses.training import train
from wordbrush.storage.files import whole_directory, write_csv, write_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.weights import save_network
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.conditions import as_chosen, for_device

EXAMPLES = 4  # of each sense that are shown of a unit


def run(params: Params, layout: Layout, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    """Train, and measure on the test cases."""
    if not params.senses.used:
        write_none(layout)
        return
    with whole_directory(layout.senses) as folder:
        cases, words, attributes = read_cases(params, layout, folder / "impacts")
        config = config_of(params, cases, words, attributes)
        with as_chosen(params):
            senses, seed = for_device(params).senses, params.grounding_seed
            network, curve = train(senses, config, cases, seed, checkpoints)
        save_network(folder, "senses", network, config)
        write_csv(folder / "curve.csv", ("step", "loss"), curve)
        measures = Measures(cases, columns_of(attributes), params.evaluation.bootstrap, params.seed)
        asked = cases.of(ASKED)
        alike = alike_units(
            units_of(network, cases, asked), asked, params.evaluation.examples, EXAMPLES
        )
        write_units(folder, params, layout, cases, alike)
        found = measures.all(network)
    write_json(layout.metrics("senses"), found)


def write_none(layout: Layout) -> None:
    """No network: no units, and metrics of no cases."""
    with whole_directory(layout.senses) as folder:
        write_json(folder / UNITS, [])
    found: SensesMetrics = {"cases": 0}
    write_json(layout.metrics("senses"), found)


def config_of(
    params: Params, cases: Cases, words: list[str], attributes: Attributes
) -> SensesConfig:
    """Of the network that these cases need."""
    values = [value for values in attributes.values() for value in values]
    bands = cases.sounds.bands
    return SensesConfig.taken_from(params.senses, bands=bands, vocabulary=words, values=values)


def columns_of(attributes: Attributes) -> dict[str, list[int]]:
    """The columns of each attribute's values, as they lie one behind the other."""
    starts = np.cumsum([0, *map(len, attributes.values())])
    return {
        name: list(range(start, start + len(values)))
        for start, (name, values) in zip(starts.tolist(), attributes.items(), strict=False)
    }


def write_units(
    folder: Path, params: Params, layout: Layout, cases: Cases, alike: list[AlikeUnit]
) -> None:
    """What excites these units: numbers of pictures, texts, and sounds as FLAC."""
    shown = {number for one in alike for number in one["cases"]["sound"]}
    (folder / "sounds").mkdir()
    for number, sound in sounds_of(params, layout, cases, sorted(shown)).items():
        (folder / "sounds" / f"{number}.flac").write_bytes(sound)
    texts = [row["text"] for row in read_shards(layout.speech, ["text"])]
    units: list[ShownUnit] = [
        {
            "unit": one["unit"],
            "correlation": one["correlation"],
            "pictures": cases.pictures[one["cases"]["picture"]].tolist(),
            "texts": [texts[cases.captions[number]] for number in one["cases"]["text"]],
            "sounds": [f"sounds/{number}.flac" for number in one["cases"]["sound"]],
        }
        for one in alike
    ]
    write_json(folder / UNITS, units)


def sounds_of(params: Params, layout: Layout, cases: Cases, numbers: list[int]) -> dict[int, bytes]:
    """What is heard of these cases, as FLAC: the captions, or the objects as they were struck."""
    if params.senses.sound == "speech":
        wanted = {int(cases.captions[number]): number for number in numbers}
        return {
            wanted[caption]: row["audio"]["bytes"]
            for caption, row in enumerate(each_row(layout.speech, ["audio"]))
            if caption in wanted
        }
    objects = heard_objects(params, layout)
    config = cases.sounds.config
    return {
        number: encode(with_silence(struck(objects[picture], params.seed, picture), config))
        for number in numbers
        for picture in [int(cases.pictures[number])]
    }
