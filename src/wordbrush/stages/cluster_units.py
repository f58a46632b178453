"""cluster-units: encoders of random-edits -> concepts as clusters of units, and the GAN units that draw each (P §5.5)."""

import numpy as np
import torch

from wordbrush.concepts.clusters import binarise, cluster_units, cooccurrence, membership
from wordbrush.concepts.discovery import gan_agreement, masked, top_pictures, top_sounds
from wordbrush.data.pairs import read_pairs
from wordbrush.data.splits import split_ranges
from wordbrush.davenet.encoders import load_encoders
from wordbrush.davenet.encoding import encode_images, encode_pairs
from wordbrush.params import Params
from wordbrush.storage.files import whole_directory, write_json
from wordbrush.storage.layout import Layout
from wordbrush.training.compute import device


@torch.no_grad()
def run(params: Params, layout: Layout, mining: str) -> None:
    pairs = read_pairs(params, layout)
    encoders = load_encoders(layout.encoders("random-edits", mining), device())
    seen, heard = encode_pairs(encoders, pairs, np.asarray(split_ranges(params.samples)["train"]))
    images, audio, lengths = seen.features, heard.features, heard.lengths
    # A pair activates a unit where its picture or its speech does: the strongest place and the strongest moment of each.
    by_picture = binarise(images.flatten(2).amax(2), params.clusters.top_share)
    by_speech = binarise(masked(audio, lengths, -torch.inf).amax(2), params.clusters.top_share)
    labels = cluster_units(
        cooccurrence(by_picture | by_speech), params.clusters.count, params.clusters.linkage
    )
    members, scale = membership(labels), images.transpose(0, 1).flatten(1).std(1) + 1e-6
    overlap, units = gan_agreement(
        params, layout, pairs, encode_images, encoders, scale, members
    ).sort(dim=1, descending=True, stable=True)
    best = slice(params.edits.units_per_cluster)
    pictures = top_pictures(images, scale, members, params.clusters.examples)
    sounds = top_sounds(audio, lengths, members, pairs.speech.hop, params)
    with whole_directory(layout.clusters(mining)) as folder:
        np.save(
            folder / "places.npy", units.argsort(1).numpy()
        )  # of each unit of h4 among those that agree with a cluster
        np.save(folder / "members.npy", members.numpy())
        np.save(folder / "scale.npy", scale.numpy())
        write_json(
            folder / "clusters.json",
            {
                "clusters": [
                    {
                        "units": np.flatnonzero(labels == number).tolist(),
                        "gan_units": units[number, best].tolist(),
                        "agreement": [round(value, 4) for value in overlap[number, best].tolist()],
                        "pictures": pictures[number],
                        "sounds": sounds[number],
                    }
                    for number in range(len(members))
                ]
            },
        )
