"""`wordbrush export`: the model of the full method, from a finished run, as a small folder.

Of a collection that is not redrawn, it is that of hard negatives, since nothing is edited there.
"""

import shutil
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import torch

from wordbrush.audio.config import FeatureConfig
from wordbrush.concepts.store import ConceptSet
from wordbrush.davenet.config import HEADS, EncoderConfig, digest
from wordbrush.errors import WordbrushError
from wordbrush.evaluation.methods import exported
from wordbrush.evaluation.results import ConceptTables
from wordbrush.model.cards import read_facts, write_cards
from wordbrush.model.config import ModelConfig
from wordbrush.model.model import Concepts, Meaning, load_model
from wordbrush.params import Params
from wordbrush.storage.configs import read_config, write_config
from wordbrush.storage.files import (
    read_json,
    require_counts,
    require_file,
    require_new,
    whole_directory,
    write_json,
)
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.storage.weights import save_weights

LIMIT = 25_000_000  # bytes: what a repository should carry
LARGE = 3  # files named where the limit is passed


def export(params: Params, layout: Layout, target: Path, origin: dict[str, str]) -> None:
    """Write weights, configuration and cards to `target`, all or nothing, and read them back once.

    origin: what made the model, for its card. Raises WordbrushError: the target exists, the run is
    not finished, is of other parameters, the folder would be too large.
    """
    require_new(target)
    facts = read_facts(params, layout, origin)
    config = read_encoders_config(params, layout)
    facts = replace(facts, heads=config.origin.get(HEADS))
    with whole_directory(target) as folder:
        write_model(folder, params, layout, config)
        shutil.copyfile(layout.root / PARAMS, folder / PARAMS)
        names = write_cards(folder, facts, load_model(folder).meanings)
        size = require_small(folder)
    print(
        f"{target} holds the model {exported(params).title!r} ({size / 1e6:.1f} MB) with "
        f"{' and '.join(names)}."
    )


def read_encoders_config(params: Params, layout: Layout) -> EncoderConfig:
    """Raises WordbrushError where the encoders are of other parameters."""
    method = exported(params)
    encoders = layout.encoders(method.stage, method.mining)
    config = read_config(encoders / "encoders.json", EncoderConfig)
    if config.origin.get("davenet_parameters") != digest(params.davenet.model_dump()):
        raise WordbrushError(
            f"{encoders} was trained with other parameters than params.yaml has now: run dvc repro "
            "first."
        )
    return config


def write_model(folder: Path, params: Params, layout: Layout, config: EncoderConfig) -> None:
    """The parts in the folders that `load_model` reads; weights are copied, in float32.

    config: of the encoders.
    """
    method = exported(params)
    parts = {"encoders": layout.encoders(method.stage, method.mining)}
    if params.graph != "recorded":
        parts["generator"] = layout.generator
    if params.graph == "drawn":
        parts["segmenter"] = layout.segmenter
    for name, source in parts.items():
        (folder / name).mkdir()
        for ending in ("safetensors", "json"):
            shutil.copyfile(
                require_file(source / f"{name}.{ending}"), folder / name / f"{name}.{ending}"
            )
    write_clusters(folder / "clusters", params, layout, method.mining)
    features = config.features or FeatureConfig.taken_from(params.captions)
    about = ModelConfig(
        version=version("wordbrush"), method=method.name, graph=params.graph, features=features
    )
    write_config(folder / "model.json", about)


def write_clusters(folder: Path, params: Params, layout: Layout, mining: str) -> None:
    """Arrays as safetensors, and as JSON what each cluster means.

    The examples, which name samples of the run, are left out.
    """
    found = ConceptSet.load(layout.clusters(mining))
    units = found.ranks < params.edits.units_per_cluster
    concepts = Concepts(len(found.members), found.scale.size, units.shape[1])
    for name, array in (("units", units), ("members", found.members), ("scale", found.scale)):
        getattr(concepts, name).copy_(torch.from_numpy(array))
    meanings = read_json(layout.evaluation / "concepts.json", ConceptTables)["clusters"][mining]
    require_counts(layout.clusters(mining), clusters=len(units), meanings=len(meanings))
    table: list[Meaning] = [
        {**meaning, "gan_units": record["gan_units"], "agreement": record["agreement"]}
        for record, meaning in zip(found.records, meanings, strict=True)
    ]
    folder.mkdir()
    save_weights(folder, "clusters", concepts)
    write_json(
        folder / "clusters.json",
        {"generator_units": units.shape[1], "embedding": found.scale.size, "clusters": table},
    )


def require_small(folder: Path) -> int:
    """Bytes of all files. Raises WordbrushError, naming the largest, where that is above LIMIT."""
    sizes = {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file()
    }
    total = sum(sizes.values())
    if total > LIMIT:
        largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:LARGE]
        named = ", ".join(f"{name} {sizes[name] / 1e6:.1f} MB" for name in largest)
        raise WordbrushError(
            f"the model takes {total / 1e6:.1f} MB, and {LIMIT / 1e6:.0f} MB is the most: {named}; "
            "export a smaller preset."
        )
    return total
