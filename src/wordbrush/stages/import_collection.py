"""import-collection: the folder `collection` -> data/samples, data/features, data/speech.

It stands in the place of the stages that draw pictures and speak captions: what training and tests
read of it has the same form.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from wordbrush.audio.config import FeatureConfig
from wordbrush.corpora.collection import Heard, counts, hear, origin, read_collection, see
from wordbrush.data.origin import write_origin
from wordbrush.data.recordings import ShardWriter
from wordbrush.data.speech import lengths_told, write_features
from wordbrush.data.views import write_seen
from wordbrush.params import Params
from wordbrush.storage.files import whole_directory, write_json
from wordbrush.storage.layout import Layout


def run(params: Params, layout: Layout) -> None:
    """Scale the pictures, and compute features of the recordings."""
    folder, config = Path(params.collection or ""), FeatureConfig.taken_from(params.captions)
    manifest = read_collection(folder, params.pairs, params.seed)
    for language in set(params.pairs.unheard_languages) - set(manifest.languages.tolist()):
        print(f"pairs.unheard_languages: no caption of {folder} is in {language!r}.")
    with whole_directory(layout.samples) as scratch:
        write_seen(scratch, see(folder, params.davenet.image_size, params.davenet.image_side))
        write_origin(scratch, origin(folder))
    lengths: list[int] = []

    def frames() -> Iterator[np.ndarray]:
        shards = ShardWriter(speech, len(manifest), params.captions.rows_per_shard)
        for number, one in enumerate(hear(folder, config)):
            shards.add(row(number, one))
            lengths.append(len(one.frames))
            yield one.frames

    with whole_directory(layout.speech) as speech:
        write_features(layout.features, frames(), config, manifest)
    write_json(layout.metrics("samples"), counts(manifest))
    write_json(layout.metrics("captions"), lengths_told(np.array(lengths), config))


def row(number: int, one: Heard) -> dict:
    """A row of data/speech. People have no voice of an engine, no rate and no pitch."""
    said = {name: one.row[name] for name in ("image", "split", "text", "language")}
    audio = {"bytes": one.sound, "path": f"{number:06d}.flac"}
    return {"audio": audio, "sample": number, **said, "words": one.words,
            "voice": one.row["speaker"], "rate": None, "pitch": None}  # fmt: skip
