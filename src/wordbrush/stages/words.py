"""What evaluate measures of single words: where and when matchmaps fire, what units detect, and what the clusters mean."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from wordbrush.concepts.clusters import binarise, cluster_activations
from wordbrush.evaluation import concepts
from wordbrush.evaluation.localisation import Drawings, localise_objects, localise_words, measured
from wordbrush.evaluation.results import ClusterScores, Concept, ConceptTables, Measured, WordScores
from wordbrush.evaluation.semantic import MEANING
from wordbrush.evaluation.spoken import Spoken, align
from wordbrush.grounding.encoders import Encoders, valid_frames
from wordbrush.grounding.training import Pairs, encode_images
from wordbrush.params import Params
from wordbrush.runtime.files import open_array, require_counts
from wordbrush.runtime.layout import Layout
from wordbrush.runtime.splits import captioned_count, split_ranges
from wordbrush.scenes.masks import attribute_masks
from wordbrush.scenes.segmenter import SIZES, Segmenter, parse_masks
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.speech.recordings import read_shards
from wordbrush.stages.targeted_edits import Clusters

DETECTED = 50.0   # F1 from which a unit counts as a detector of its word
Features = tuple[Tensor, Tensor, Tensor]   # of the test samples: pictures [N, D, h, w], speech [N, D, t], lengths [N]


@dataclass(frozen=True)
class Evidence:
    """What is said and seen: word timings of the test samples, and the objects that the segmenter reads in these drawings; and
    rendered scenes with true masks, which no encoder ever saw: pictures uint8 [M, H, W, 3] and attributes uint8 [M, 4, H, W]."""

    captions: list[list[dict]]
    drawings: Drawings
    scenes: np.ndarray
    planes: np.ndarray


def read_evidence(params: Params, layout: Layout, pairs: Pairs, segmenter: Segmenter) -> Evidence:
    """As many scenes as test samples. Raises WordbrushError where a part is missing, damaged, or does not fit the others."""
    test, size = split_ranges(params.samples)["test"], params.scenes.resolution
    words = {row["sample"]: row["words"] for row in read_shards(layout.speech, ["sample", "words"])}
    require_counts(layout.speech, captions=len(words), asked_for=captioned_count(params.samples))
    scenes = open_array(layout.scenes / "images.npy", "uint8", (None, size, size, 3))
    planes = open_array(layout.scenes / "attributes.npy", "uint8", (len(scenes), len(ATTRIBUTES), size, size), most=SIZES)
    drawings = read_drawings(segmenter, pairs.images[test.start:test.stop], params.segmenter.min_confidence)
    return Evidence([words[sample] for sample in test], drawings, scenes[-len(test):], planes[-len(test):])


def read_drawings(segmenter: Segmenter, images: np.ndarray, min_confidence: float) -> Drawings:
    """The objects that captions tell of, which are the sure ones, and their masks; all else is floor."""
    parsed, masks = parse_masks(segmenter, images)
    sure = [[thing for thing in objects if thing["confidence"] >= min_confidence] for objects in parsed]
    instances = np.stack([renumber(objects, min_confidence)[mask] for objects, mask in zip(parsed, masks, strict=True)])
    planes = [attribute_masks(mask, objects) for mask, objects in zip(instances, sure, strict=True)]
    return Drawings(sure, instances, np.stack(planes))


def renumber(objects: list[dict], min_confidence: float) -> np.ndarray:
    """The new number of each mask value, 0 and 1 + the object: counted over the sure objects, 0 for the others."""
    kept = np.array([False, *(thing["confidence"] >= min_confidence for thing in objects)])
    return (kept.cumsum() * kept).astype(np.uint8)


def spoken_words(evidence: Evidence, encoders: Encoders, pairs: Pairs, lengths: Tensor) -> tuple[Spoken, Spoken]:
    """The words of the test captions on the time axis of these encoders: all, and those that mean a value, labelled by it."""
    words = align(evidence.captions, lengths, encoders.audio.stride * pairs.speech.hop)
    return words, words.as_values(MEANING, concepts.VALUES)


def word_scores(params: Params, pairs: Pairs, encoders: Encoders, features: Features,
                evidence: Evidence) -> tuple[WordScores, ConceptTables]:
    """A method's scalars, and its tables, in which the clusters are still to come."""
    images, audio, lengths = features
    words, values = spoken_words(evidence, encoders, pairs, lengths)
    resamples, seed = params.evaluation.bootstrap, params.seed
    at = localise_words(images, audio, values, evidence.drawings)
    naming = localise_objects(images, audio, lengths, values, evidence.drawings)
    valid = valid_frames(lengths, audio.shape[2])
    found = concepts.heard(concepts.active_moments(audio.transpose(1, 2), valid, params.evaluation.active_share), words)
    f1 = 100 * found.f1.amax(1)[[word in MEANING for word in found.labels]]

    def contested(chosen: Tensor) -> Measured | None:
        return measured(at.caption[chosen], at.hit[chosen], at.share[chosen], resamples, seed)

    scores: WordScores = {
        "pointing": measured(at.caption, at.hit, at.area, resamples, seed),
        "contested": contested(at.contested),
        "overlap": measured(at.caption, at.overlap, at.area, resamples, seed),   # chance: a map that fires everywhere
        "naming": measured(naming.caption, naming.hit, naming.share, resamples, seed),
        "word_f1": round(float(f1.mean()), 2) if len(f1) else 0.0, "detected": int((f1 >= DETECTED).sum())}
    by_attribute = {name: contested(at.contested & (at.attribute == number)) for number, name in enumerate(ATTRIBUTES)}
    return scores, {"detectors": concepts.ranked(found), "contested": by_attribute, "clusters": {}}


def cluster_scores(params: Params, layout: Layout, mining: str, pairs: Pairs, encoders: Encoders, features: Features,
                   evidence: Evidence) -> tuple[ClusterScores, list[Concept]]:
    """What the clusters of a mining mean to the encoders that were trained on with them (targeted edits)."""
    clusters, share = Clusters(layout, mining), params.evaluation.active_share
    members, scale = clusters.members.cpu(), clusters.scale.cpu()
    rendered = encode_images(encoders, evidence.scenes, np.arange(len(evidence.scenes)))
    places = cluster_activations(rendered.permute(0, 2, 3, 1).flatten(0, 2), scale, members)
    _, audio, lengths = features
    valid, moments = valid_frames(lengths, audio.shape[2]), audio.transpose(1, 2)
    said = cluster_activations(moments, moments[valid].std(0) + 1e-6, members)
    active = concepts.active_moments(said, valid, share)
    words, values = spoken_words(evidence, encoders, pairs, lengths)
    found = (concepts.seen(binarise(places, share), evidence.planes, rendered.shape[-2:]), concepts.heard(active, values),
             concepts.heard(active, words))
    best = [[hypotheses[0] for hypotheses in one.hypotheses(1)] for one in found]
    table: list[Concept] = [{"units": int((row > 0).sum()), "seen": seen, "heard": heard, "word": word}
                            for row, seen, heard, word in zip(members, *best, strict=True)]
    same, chance = concepts.agreement([one["label"] for one in best[0]], [one["label"] for one in best[1]])
    seen_f1, heard_f1 = (round(float(np.mean([one["f1"] for one in side])), 2) for side in best[:2])
    return {"seen_f1": seen_f1, "heard_f1": heard_f1, "agreement": same, "agreement_chance": chance}, table
