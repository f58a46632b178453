"""cluster-units: encoders of random-edits, generator -> data/clusters, the concepts (P §5.5).

A concept is a cluster of units that are active together; it comes with the generator's units that
draw it. Where nothing draws, concepts are found in the encoders of pretrain-davenet, and have none.
"""

import numpy as np
import torch
from torch import Tensor

from wordbrush.concepts.clusters import binarise, membership
from wordbrush.concepts.discovery import (
    cluster_cells,
    find_clusters,
    make_records,
    picture_scale,
    top_pictures,
    top_sounds,
)
from wordbrush.concepts.store import ConceptSet
from wordbrush.data.pairs import Pairs, read_latents, read_trained
from wordbrush.davenet.encoders import Encoders, load_encoders
from wordbrush.davenet.encoding import encode_images, encode_pairs
from wordbrush.editing.dissection import generator_agreement
from wordbrush.gan.sampling import load_generator
from wordbrush.params import Params
from wordbrush.storage.files import whole_directory
from wordbrush.storage.layout import Layout
from wordbrush.training.compute import device
from wordbrush.training.conditions import recorded


@torch.no_grad()
def run(params: Params, layout: Layout, mining: str) -> None:
    """Discover the concepts of the encoders that were trained with this mining."""
    pairs, count = read_trained(params, layout), params.clusters.examples
    drawing = params.graph != "recorded"
    stage = "random-edits" if drawing else "pretrain"
    encoders = load_encoders(layout.encoders(stage, mining), device())
    captions = chosen(pairs.manifest.captions("train"), params.clusters.captions, params.seed)
    seen, heard = encode_pairs(encoders, pairs, captions)
    images, audio, lengths = seen.features, heard.features, heard.frame_counts
    labels = find_clusters(images, audio, lengths, params.clusters)
    members, scale = membership(labels), picture_scale(images)
    agreement, units = torch.zeros(len(members), 0), torch.zeros(len(members), 0, dtype=torch.long)
    if drawing:
        agreement, units = agreeing_units(params, layout, pairs, encoders, scale, members)
    numbers, first = np.unique(pairs.manifest.images[captions], return_index=True)
    best = slice(params.edits.units_per_cluster)
    hop, network = pairs.speech.hop, encoders.audio
    field = network.stride * hop, (1 + 2 * network.reach) * hop
    records = make_records(
        labels,
        units[:, best],
        agreement[:, best],
        top_pictures(images[first], numbers, scale, members, count),
        top_sounds(heard, captions, members, count, field),
    )
    found = ConceptSet(members.numpy(), scale.numpy(), units.argsort(1).numpy(), records)
    with whole_directory(layout.clusters(mining)) as folder:
        found.save(folder)


def chosen(captions: np.ndarray, most: int | None, seed: int) -> np.ndarray:
    """All captions, or as many as may be held in memory, drawn at random: ascending."""
    if most is None or most >= len(captions):
        return captions
    return np.sort(np.random.default_rng(seed).choice(captions, most, replace=False))


def agreeing_units(
    params: Params,
    layout: Layout,
    pairs: Pairs,
    encoders: Encoders,
    scale: Tensor,
    members: Tensor,
) -> tuple[Tensor, Tensor]:
    """How well the generator's units agree with each concept, and their numbers, the best first."""
    captioned = pairs.manifest.pictures(pairs.manifest.captions("train"))
    first = captioned[: params.clusters.agreement_samples]
    share = params.clusters.unit_top_share
    images = encode_images(encoders, pairs.images, first).features
    active = cluster_cells(images, scale, members)
    on = binarise(active.flatten(0, 2), share).view(active.shape).permute(3, 0, 1, 2)
    generator = load_generator(layout.generator, device())
    latents = read_latents(layout, found=params.graph == "redrawn")
    with recorded(params):
        overlap = generator_agreement(generator, latents[first], on, params.edits.resolution, share)
    return overlap.sort(dim=1, descending=True, stable=True)
