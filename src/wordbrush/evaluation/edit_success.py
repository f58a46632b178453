"""Edit success (P §6.4): whether a caption would say something else of an edited picture.

What a caption would say is read off the picture by the segmenter. An edit of the layout succeeds
where all objects stayed what they were, and only how they lie to each other changed.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import compress

import numpy as np
import torch
from torch import Tensor

from wordbrush.data.images import to_images, to_uint8
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.encoding import encode_pairs
from wordbrush.davenet.negatives import Batch, Editor
from wordbrush.editing.editors import make_random_editor, make_targeted_editor
from wordbrush.evaluation.interface import Numbers, Subject, Test, needed, percent_true
from wordbrush.evaluation.material import Material
from wordbrush.evaluation.methods import Method
from wordbrush.scenes.facts import relations
from wordbrush.segmenter.parsing import parse
from wordbrush.training.compute import device

BATCH = 64


def run(material: Material, subject: Subject) -> Numbers:
    """Percent of the method's edits that succeed; None for methods without edits.

    Of layouts, the edits that training uses: others leave the drawing as it is, or spoil it.
    """
    if not subject.method or not subject.method.edits:
        return {"edit_success": None}, {}
    params, changes = material.params, []
    parsed, segmenter = needed(material.parsed), needed(material.segmenter)
    editor, attributes = editor_of(material, subject.method), list(material.vocabulary.attributes)
    sure, layouts = params.segmenter.min_confidence, params.edits.of_layouts
    for batch in edit_batches(material, subject.encoders):
        edited = editor(batch)
        before = [parsed[sample] for sample in batch.index]
        after = parse(segmenter, to_uint8(edited.pictures))
        if layouts:
            valid = edited.valid.tolist()
            changes += list(compress(layout_changes(before, after, sure, attributes), valid))
        else:
            changes += content_changes(before, after, sure, attributes)
    if not changes:  # no layout could be edited
        return {"edit_success": None}, {}
    return percent_true("edit_success", np.array(changes), params)


def edit_batches(material: Material, encoders: Encoders) -> Iterator[Batch]:
    """Batches of the samples, as editors see them in training."""
    chosen = material.samples[: material.params.evaluation.edit_samples]
    for captions in torch.from_numpy(chosen).split(BATCH):
        yield batch_of(material, encoders, captions.numpy())


def batch_of(material: Material, encoders: Encoders, captions: np.ndarray) -> Batch:
    """The captions with these numbers, and the picture of each."""
    pairs = material.pairs
    pictures = pairs.manifest.images[captions]
    seen, heard = encode_pairs(encoders, pairs, captions)
    images = to_images(pairs.images[pictures]).to(device())
    return Batch(pictures, images, seen.to(device()), heard.to(device()))


def editor_of(material: Material, method: Method, drawn: list[Tensor] | None = None) -> Editor:
    """The editor that trained a method; `drawn`, where given, receives the concept of each targeted
    edit."""
    params, layout = material.params, material.layout
    if method.edits == "random":
        return make_random_editor(params, layout, params.seed)
    return make_targeted_editor(params, layout, method.mining, params.seed, drawn)


def content(objects: list[dict], min_confidence: float, attributes: Sequence[str]) -> Counter:
    """What a caption would say: the multiset of the attributes of the objects that are sure."""
    return Counter(
        tuple(thing[name] for name in attributes) for thing in sure_of(objects, min_confidence)
    )


def sure_of(objects: list[dict], min_confidence: float) -> list[dict]:
    """The objects that the segmenter is sure of."""
    return [thing for thing in objects if thing["confidence"] >= min_confidence]


def content_changes(
    before: list[list[dict]],
    after: list[list[dict]],
    min_confidence: float,
    attributes: Sequence[str],
) -> list[bool]:
    """For every edited picture, whether its content differs."""
    return [
        content(a, min_confidence, attributes) != content(b, min_confidence, attributes)
        for a, b in zip(before, after, strict=True)
    ]


def layout_changes(
    before: list[list[dict]],
    after: list[list[dict]],
    min_confidence: float,
    attributes: Sequence[str],
) -> list[bool]:
    """For every edited picture, whether its content stayed and a relation differs."""
    changes = content_changes(before, after, min_confidence, attributes)
    sure = [[sure_of(one, min_confidence) for one in pictures] for pictures in (before, after)]
    return [
        not differs and relations(one) != relations(other)
        for differs, one, other in zip(changes, *sure, strict=True)
    ]


TEST = Test(
    "edit success",
    "a segmenter that reads pictures",
    lambda material: material.parsed is not None and material.segmenter is not None,
    run,
)
