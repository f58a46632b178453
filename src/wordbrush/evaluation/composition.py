"""Composition: does a listener hear which words belong together, and how objects lie to each other?

Two captions differ by one fact: one word is wrong, or two objects have exchanged a value or their
places, so that both captions have the same words of objects. On rendered scenes there is a picture
for each caption, and Winoground's scores (Thrush et al. 2022, §3.3): text, the right caption for
either picture; image, the right picture for either caption; group, both. On drawings there is the
first picture alone.

A hard positive (Kamath et al. 2024) says the same facts otherwise. It must fit the picture better
than the caption with one wrong word does. Ties are errors in all of them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from wordbrush.data.composition import Case, Composed, Positive
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.encoding import encode_images, encode_speech
from wordbrush.davenet.kernels import paired_similarities
from wordbrush.evaluation.cases import Cases
from wordbrush.evaluation.composed import MEDIA
from wordbrush.evaluation.intervals import bootstrap, estimate, percent_of
from wordbrush.evaluation.results import ComposedExample, Composition, Kinds, PairScores
from wordbrush.params import Params
from wordbrush.scenes.facts import AXES, EXCHANGES
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.files import write_json

CHANCE = {"choice": 50.0, "text": 25.0, "image": 25.0, "group": 16.67}  # Thrush et al. 2022, §4
POSITIVES: tuple[Positive, ...] = get_args(Positive)
KINDS: dict[Composed, tuple[str, ...]] = {"wrong_words": tuple(ATTRIBUTES), "exchanges": EXCHANGES}
NEEDS: dict[Composed, tuple[str, str]] = {
    "wrong_words": (
        "one word wrong",
        "captions that were spoken for it (evaluation.composition_pairs)",
    ),
    "exchanges": (
        "exchanges between objects",
        "captions of several objects that were spoken for it (evaluation.composition_pairs)",
    ),
}
TOGETHER = {"attributes": tuple(ATTRIBUTES), "relations": tuple(AXES)}
"""Kinds whose cases are counted together, too."""


def measure(cases: Cases, encoders: Encoders, params: Params) -> Composition:
    """Scores of each test and kind that there are cases of, on drawings and on scenes."""
    found: Composition = {}
    for test in KINDS:
        for medium in MEDIA:
            if not (chosen := cases.of(test, medium)):
                continue
            scores = score(encoders, cases, chosen)
            found.setdefault(test, {})[medium] = by_kind(chosen, outcomes(scores), params)
            if test == "wrong_words":
                positives = score_positives(encoders, cases, chosen)
                kept = hard_positives(chosen, positives, scores[:, 0, 1], params)
                found.setdefault("hard_positives", {})[medium] = kept
    return found


def left_out(cases: Cases | None) -> dict[str, str]:
    """The tests that cannot be made, with what they would need."""
    return {
        title: needs
        for test, (title, needs) in NEEDS.items()
        if cases is None or not any(cases.of(test, medium) for medium in MEDIA)
    }


def score(encoders: Encoders, cases: Cases, chosen: Sequence[Case]) -> np.ndarray:
    """Of N cases of one test on one medium, how well each of P pictures fits the right caption and
    the wrong one: [N, P, 2]."""
    images = cases.images[chosen[0]["on"], chosen[0]["test"]]
    pictures = np.array([one["picture"] for one in chosen])
    kind = encoders.config.similarity
    heard = [
        encode_speech(encoders, cases.speech, np.array(lines))
        for lines in zip(*((one["right"], one["wrong"]) for one in chosen), strict=True)
    ]
    seen = [encode_images(encoders, images[:, side], pictures) for side in range(images.shape[1])]
    rows = [[paired_similarities(one, said, kind).numpy() for said in heard] for one in seen]
    return np.moveaxis(np.array(rows), -1, 0)


def outcomes(scores: np.ndarray) -> dict[str, np.ndarray]:
    """Of scores [N, P, 2], by CHANCE's names, between 0 and 1: [N] each.

    choice: how often a picture fits its own caption better, of the P pictures. The others need two.
    """
    right = np.arange(scores.shape[1])
    captions = scores[:, right, right] > scores[:, right, 1 - right]  # [N, P]
    found = {"choice": captions.mean(1)}
    if scores.shape[1] == 2:
        pictures = (scores[:, right, right] > scores[:, 1 - right, right]).all(1)
        text = captions.all(1)
        found |= {"text": text, "image": pictures, "group": text & pictures}
    return found


def by_kind(cases: Sequence[Case], found: Mapping[str, np.ndarray], params: Params) -> Kinds:
    """The scores of each kind that there is, and of kinds together."""
    kinds = np.array([one["kind"] for one in cases])
    sets = {kind: (kind,) for kind in KINDS[cases[0]["test"]]} | TOGETHER
    pictures = np.array([one["picture"] for one in cases])
    scores: Kinds = {}
    for name, members in sets.items():
        rows = np.isin(kinds, members)
        if rows.any():
            own = {score: right[rows] for score, right in found.items()}
            scores[name] = pair_scores(own, pictures[rows], params)
    return scores


def pair_scores(
    found: Mapping[str, np.ndarray], pictures: np.ndarray, params: Params
) -> PairScores:
    """Percent of what is right in N cases, with intervals over pictures.

    pictures [N]: the number of each case's picture, which is drawn with all its cases.
    """
    _, owner = np.unique(pictures, return_inverse=True)
    trials = np.bincount(owner)
    scores: dict[str, object] = {"pairs": len(pictures)}
    for name, right in found.items():
        hits = np.stack([np.bincount(owner, right), trials])
        interval = bootstrap(hits, percent_of, params.evaluation.bootstrap, params.seed)
        percent = 100 * float(right.mean())
        scores[name] = {**estimate(percent, interval), "chance": CHANCE[name]}
    return scores  # type: ignore[return-value]  # `outcomes` has the names of PairScores


def score_positives(
    encoders: Encoders, cases: Cases, chosen: Sequence[Case]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each kind of hard positive the rows of the cases that have it, and how well it fits the
    first picture of each."""
    images = cases.images[chosen[0]["on"], chosen[0]["test"]][:, 0]
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name in POSITIVES:
        having = [(row, one) for row, one in enumerate(chosen) if name in one["positives"]]
        if having:
            lines = np.array([one["positives"][name] for _, one in having])
            pictures = np.array([one["picture"] for _, one in having])
            heard = encode_speech(encoders, cases.speech, lines)
            seen = encode_images(encoders, images, pictures)
            fits = paired_similarities(seen, heard, encoders.config.similarity)
            found[name] = np.array([row for row, _ in having]), fits.numpy()
    return found


def hard_positives(
    cases: Sequence[Case],
    positives: Mapping[str, tuple[np.ndarray, np.ndarray]],
    wrong: np.ndarray,
    params: Params,
) -> Kinds:
    """How often each kind of hard positive fits the picture better than the wrong caption does.

    positives: as from `score_positives`. wrong [N]: how well that caption fits.
    """
    numbers = np.array([one["picture"] for one in cases])
    found = {name: (fits > wrong[rows], numbers[rows]) for name, (rows, fits) in positives.items()}
    right, pictures = (np.concatenate(each) for each in zip(*found.values(), strict=True))
    return {
        name: pair_scores({"choice": one}, of, params)
        for name, (one, of) in {**found, "all": (right, pictures)}.items()
    }


def write_examples(folder: Path, cases: Cases, encoders: Encoders) -> None:
    """The first case on scenes of each kind, for the report: composed.npy uint8 [E, 2, H, W, 3],
    and composed.json, a list of `ComposedExample`. Nothing where there are no scenes."""
    pictures, examples = [], []
    for test, kinds in KINDS.items():
        first = {one["kind"]: one for one in reversed(cases.of(test, "scenes"))}
        for kind in (kind for kind in kinds if kind in first):
            case = first[kind]
            pictures.append(cases.images["scenes", test][case["picture"]])
            example: ComposedExample = {
                "test": test,
                "kind": kind,
                "texts": [cases.lines[case[one]]["text"] for one in ("right", "wrong")],
                "scores": score(encoders, cases, [case])[0].tolist(),
            }
            examples.append(example)
    if examples:
        np.save(folder / "composed.npy", np.stack(pictures))
        write_json(folder / "composed.json", examples)
