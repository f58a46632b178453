"""cluster-units: encoders of random-edits -> concepts as clusters of units, and the GAN units that draw each (P §5.5)."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.concepts.clusters import binarise, cluster_activations, cluster_units, cooccurrence, membership
from wordbrush.drawing.dissection import agreement, unit_thresholds
from wordbrush.drawing.sampling import load_generator
from wordbrush.grounding.encoders import load_encoders, valid_frames
from wordbrush.grounding.training import Pairs, encode_images, encode_pairs
from wordbrush.params import Params
from wordbrush.runtime.compute import device
from wordbrush.runtime.files import whole_directory, write_json
from wordbrush.runtime.layout import Layout
from wordbrush.runtime.splits import split_ranges
from wordbrush.stages.davenet import read_latents, read_pairs


@torch.no_grad()
def run(params: Params, layout: Layout, mining: str) -> None:
    pairs = read_pairs(params, layout)
    encoders = load_encoders(layout.encoders("random-edits", mining), device())
    images, audio, lengths = encode_pairs(encoders, pairs, np.asarray(split_ranges(params.samples)["train"]))
    # A pair activates a unit where its picture or its speech does: the strongest place and the strongest moment of each.
    seen = binarise(images.flatten(2).amax(2), params.clusters.top_share)
    heard = binarise(masked(audio, lengths, -torch.inf).amax(2), params.clusters.top_share)
    labels = cluster_units(cooccurrence(seen | heard), params.clusters.count, params.clusters.linkage)
    members, scale = membership(labels), images.transpose(0, 1).flatten(1).std(1) + 1e-6
    overlap, units = gan_agreement(params, layout, pairs, encode_images, encoders, scale, members).sort(
        dim=1, descending=True, stable=True)
    best = slice(params.edits.units_per_cluster)
    pictures = top_pictures(images, scale, members, params.clusters.examples)
    sounds = top_sounds(audio, lengths, members, pairs.speech.hop, params)
    with whole_directory(layout.clusters(mining)) as folder:
        np.save(folder / "places.npy", units.argsort(1).numpy())   # of each unit of h4 among those that agree with a cluster
        np.save(folder / "members.npy", members.numpy())
        np.save(folder / "scale.npy", scale.numpy())
        write_json(folder / "clusters.json", {"clusters": [
            {"units": np.flatnonzero(labels == number).tolist(), "gan_units": units[number, best].tolist(),
             "agreement": [round(value, 4) for value in overlap[number, best].tolist()],
             "pictures": pictures[number], "sounds": sounds[number]} for number in range(len(members))]})


def masked(audio: Tensor, lengths: Tensor, value: float) -> Tensor:
    """Speech features [N, D, t] with `value` in place of padding."""
    return audio.masked_fill(~valid_frames(lengths, audio.shape[2])[:, None], value)


def gan_agreement(params: Params, layout: Layout, pairs: Pairs, encode, encoders, scale: Tensor, members: Tensor) -> Tensor:
    """IoU of the cluster-inferred segmentation s(I|w_k) with every unit of h4, thresholded: [K, C]."""
    generator = load_generator(layout.generator, device())
    count = min(params.clusters.agreement_samples, params.samples.train)
    h4 = torch.cat([generator.encode(part.to(device()), params.edits.resolution).cpu()
                    for part in torch.from_numpy(np.array(read_latents(layout)[:count])).split(256)])
    features = encode(encoders, pairs.images, np.arange(count))
    active = cluster_activations(features.permute(0, 2, 3, 1).flatten(0, 2), scale, members)
    concepts = binarise(active, params.clusters.unit_top_share).T
    # both on the grid of h4 (P upsamples the unit; at the demo's sizes the two grids are one)
    on = h4 >= unit_thresholds(h4, params.clusters.unit_top_share)[None, :, None, None]
    if features.shape[-1] != h4.shape[-1]:
        on = F.interpolate(on.float(), size=features.shape[-2:], mode="nearest") > 0
    return agreement(on.transpose(0, 1).flatten(1), concepts)


def top_pictures(images: Tensor, scale: Tensor, members: Tensor, count: int) -> list[list[dict]]:
    """For each cluster the samples it is most active in, with the cell (y, x) as shares of the picture."""
    number, _, height, width = images.shape
    active = cluster_activations(images.permute(0, 2, 3, 1).flatten(0, 2), scale, members).view(number, height * width, -1)
    strongest, places = active.max(1)
    samples = strongest.topk(min(count, number), 0).indices
    return [[{"sample": int(s), "y": (int(places[s, k]) // width + 0.5) / height,
              "x": (int(places[s, k]) % width + 0.5) / width} for s in samples[:, k]] for k in range(len(members))]


def top_sounds(audio: Tensor, lengths: Tensor, members: Tensor, hop: float, params: Params) -> list[list[dict]]:
    """For each cluster the captions it is most active in, with start and end of the heard stretch in seconds."""
    heard = masked(audio, lengths, 0.0)
    scale = heard.transpose(0, 1).flatten(1).std(1) + 1e-6
    number, _, time = heard.shape
    active = cluster_activations(heard.transpose(1, 2).flatten(0, 1), scale, members).view(number, time, -1)
    strongest, moments = active.max(1)
    samples = strongest.topk(min(params.clusters.examples, number), 0).indices
    stride, reach = receptive_field(params)
    spans = []
    for k in range(len(members)):
        middles = [(int(s), float(moments[s, k]) * stride * hop) for s in samples[:, k]]
        spans.append([{"sample": s, "start": round(max(0.0, at - reach * hop / 2), 3), "end": round(at + reach * hop / 2, 3)}
                      for s, at in middles])
    return spans


def receptive_field(params: Params) -> tuple[int, int]:
    """Stride and reach of one audio feature, in frames."""
    stride, reach = 1, 1
    for layer in params.davenet.audio_layers:
        reach += (layer.width - 1) * stride
        if layer.pool:
            reach += 2 * stride
            stride *= 2
    return stride, reach
