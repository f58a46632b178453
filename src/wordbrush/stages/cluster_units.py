"""cluster-units: encoders of random-edits, generator -> data/clusters, the concepts (P §5.5).

A concept is a cluster of units that are active together; it comes with the generator's units that
draw it.
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
    receptive_field,
    top_pictures,
    top_sounds,
)
from wordbrush.concepts.store import ConceptSet
from wordbrush.data.pairs import Pairs, read_latents, read_pairs
from wordbrush.davenet.encoders import Encoders, load_encoders
from wordbrush.davenet.encoding import encode_images, encode_pairs
from wordbrush.editing.dissection import generator_agreement
from wordbrush.gan.sampling import load_generator
from wordbrush.params import Params
from wordbrush.storage.files import whole_directory
from wordbrush.storage.layout import Layout
from wordbrush.training.compute import device


@torch.no_grad()
def run(params: Params, layout: Layout, mining: str) -> None:
    """Discover the concepts of the encoders that were trained with this mining."""
    pairs, count = read_pairs(layout), params.clusters.examples
    encoders = load_encoders(layout.encoders("random-edits", mining), device())
    captions = pairs.manifest.captions("train")
    seen, heard = encode_pairs(encoders, pairs, captions)
    images, audio, lengths = seen.features, heard.features, heard.frame_counts
    labels = find_clusters(images, audio, lengths, params.clusters)
    members, scale = membership(labels), picture_scale(images)
    agreement, units = agreeing_units(params, layout, pairs, encoders, scale, members)
    numbers, first = np.unique(pairs.manifest.images[captions], return_index=True)
    best = slice(params.edits.units_per_cluster)
    stride, reach = receptive_field(params.davenet.audio_layers)
    hop = pairs.speech.hop
    records = make_records(
        labels,
        units[:, best],
        agreement[:, best],
        top_pictures(images[first], numbers, scale, members, count),
        top_sounds(heard, captions, members, count, (stride * hop, reach * hop)),
    )
    found = ConceptSet(members.numpy(), scale.numpy(), units.argsort(1).numpy(), records)
    with whole_directory(layout.clusters(mining)) as folder:
        found.save(folder)


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
    chosen = captioned[: params.clusters.agreement_samples]
    share = params.clusters.unit_top_share
    images = encode_images(encoders, pairs.images, chosen).features
    active = cluster_cells(images, scale, members)
    on = binarise(active.flatten(0, 2), share).view(active.shape).permute(3, 0, 1, 2)
    generator = load_generator(layout.generator, device())
    overlap = generator_agreement(
        generator, read_latents(layout)[chosen], on, params.edits.resolution, share
    )
    return overlap.sort(dim=1, descending=True, stable=True)
