"""From encoders to concepts."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.concepts.clusters import binarise, cluster_activations
from wordbrush.data.pairs import Pairs, read_latents
from wordbrush.davenet.encoded import valid_frames
from wordbrush.editing.dissection import agreement, unit_thresholds
from wordbrush.gan.sampling import load_generator
from wordbrush.params import Params
from wordbrush.storage.layout import Layout
from wordbrush.training.compute import device


def masked(audio: Tensor, lengths: Tensor, value: float) -> Tensor:
    """Speech features [N, D, t] with `value` in place of padding."""
    return audio.masked_fill(~valid_frames(lengths, audio.shape[2])[:, None], value)


def gan_agreement(
    params: Params, layout: Layout, pairs: Pairs, encode, encoders, scale: Tensor, members: Tensor
) -> Tensor:
    """IoU of the cluster-inferred segmentation s(I|w_k) with every unit of h4, thresholded: [K, C]."""
    generator = load_generator(layout.generator, device())
    count = min(params.clusters.agreement_samples, params.samples.train)
    h4 = torch.cat(
        [
            generator.encode(part.to(device()), params.edits.resolution).cpu()
            for part in torch.from_numpy(np.array(read_latents(layout)[:count])).split(256)
        ]
    )
    features = encode(encoders, pairs.images, np.arange(count)).features
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
    active = cluster_activations(images.permute(0, 2, 3, 1).flatten(0, 2), scale, members).view(
        number, height * width, -1
    )
    strongest, places = active.max(1)
    samples = strongest.topk(min(count, number), 0).indices
    return [
        [
            {
                "sample": int(s),
                "y": (int(places[s, k]) // width + 0.5) / height,
                "x": (int(places[s, k]) % width + 0.5) / width,
            }
            for s in samples[:, k]
        ]
        for k in range(len(members))
    ]


def top_sounds(
    audio: Tensor, lengths: Tensor, members: Tensor, hop: float, params: Params
) -> list[list[dict]]:
    """For each cluster the captions it is most active in, with start and end of the heard stretch in seconds."""
    heard = masked(audio, lengths, 0.0)
    scale = heard.transpose(0, 1).flatten(1).std(1) + 1e-6
    number, _, time = heard.shape
    active = cluster_activations(heard.transpose(1, 2).flatten(0, 1), scale, members).view(
        number, time, -1
    )
    strongest, moments = active.max(1)
    samples = strongest.topk(min(params.clusters.examples, number), 0).indices
    stride, reach = receptive_field(params)
    spans = []
    for k in range(len(members)):
        middles = [(int(s), float(moments[s, k]) * stride * hop) for s in samples[:, k]]
        spans.append(
            [
                {
                    "sample": s,
                    "start": round(max(0.0, at - reach * hop / 2), 3),
                    "end": round(at + reach * hop / 2, 3),
                }
                for s, at in middles
            ]
        )
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
