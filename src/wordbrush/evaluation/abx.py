"""How well phones can be told apart by a representation: the ABX test (Schatz et al. 2013).

A and X are the same phone, by two voices; B is another phone by the voice of A. An answer is right
where X is nearer to A than to B. Phones are compared frame by frame along the cheapest path.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from wordbrush.evaluation.intervals import bootstrap, estimate, percent
from wordbrush.evaluation.results import Estimate

TRIPLES = 10_000  # in all; shared alike by the pairs of phones
OFTEN = 10  # times that a phone is said which takes part
AT_ONCE = 2000  # comparisons
DECIMALS = 5  # of a frame's cost: rounding must not decide between equal codes


@dataclass(frozen=True)
class Token:
    """A phone in a caption, in seconds; caption and voice are numbers."""

    phone: str
    caption: int
    voice: int
    start: float
    end: float

    def frames(self, seconds: float, count: int) -> slice:
        """The frames, one every `seconds`, whose middles lie in it; else the nearest one."""
        first, stop = int(np.ceil(self.start / seconds)), int(np.ceil(self.end / seconds))
        if stop <= first:
            first = round((self.start + self.end) / 2 / seconds)
            stop = first + 1
        first = min(first, count - 1)
        return slice(first, max(first + 1, min(stop, count)))


@dataclass(frozen=True)
class Triples:
    """The numbers of the tokens A, B and X [M], and of the pair of phones that each is of [M]."""

    a: np.ndarray
    b: np.ndarray
    x: np.ndarray
    pair: np.ndarray


def draw_triples(tokens: Sequence[Token], seed: int, count: int = TRIPLES) -> Triples | None:
    """Of every ordered pair of phones that are said often, as many; None where there are none."""
    rng = np.random.default_rng(seed)
    places: dict[str, dict[int, list[int]]] = {}
    for number, token in enumerate(tokens):
        places.setdefault(token.phone, {}).setdefault(token.voice, []).append(number)
    phones = [one for one, by in sorted(places.items()) if sum(map(len, by.values())) >= OFTEN]
    pairs = [(one, other) for one in phones for other in phones if one != other]
    drawn: list[tuple[int, int, int, int]] = []
    for pair, (one, other) in enumerate(pairs):
        voices = sorted(set(places[one]) & set(places[other]))
        if not voices or len(places[one]) < 2:
            continue
        for _ in range(max(1, count // len(pairs))):
            voice = voices[rng.integers(len(voices))]
            others = [by for by in sorted(places[one]) if by != voice]
            a, b, x = (
                among[rng.integers(len(among))]
                for among in (
                    places[one][voice],
                    places[other][voice],
                    places[one][others[rng.integers(len(others))]],
                )
            )
            drawn.append((a, b, x, pair))
    if not drawn:
        return None
    return Triples(*np.array(drawn).T)


def abx_error(frames: Sequence[Tensor], triples: Triples, resamples: int, seed: int) -> Estimate:
    """Percent of wrong answers, the mean over pairs of phones, with its interval over pairs.

    frames: of each token, [T, C]. Where X is as near to B as to A, half an answer is wrong.
    """
    near, far = (
        distances([frames[one] for one in side], [frames[one] for one in triples.x])
        for side in (triples.a, triples.b)
    )
    wrong = (near > far).double() + 0.5 * (near == far).double()
    _, pair = np.unique(triples.pair, return_inverse=True)
    means = np.bincount(pair, wrong.numpy()) / np.bincount(pair)
    return estimate(100 * float(means.mean()), bootstrap(means, percent, resamples, seed))


def distances(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    """Of pairs of sequences [T, C] and [U, C], the mean cosine distance on their cheapest path."""
    parts = [
        _distances(first[at : at + AT_ONCE], second[at : at + AT_ONCE])
        for at in range(0, len(first), AT_ONCE)
    ]
    return torch.cat(parts)


def _distances(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    one, other = (
        F.normalize(pad_sequence(list(side), batch_first=True).float(), dim=2)
        for side in (first, second)
    )
    costs = (1 - one @ other.transpose(1, 2)).round(decimals=DECIMALS)  # [P, T, U]
    ends = [torch.tensor([len(each) for each in side]) for side in (first, second)]
    return cheapest_path(costs, *ends)


def cheapest_path(costs: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The mean cost of the cells on the path that costs least in all: [P].

    costs [P, T, U], of which the first rows [P] and columns [P] count. Steps go one on in either or
    both; of equal ways the diagonal is taken, then that along the rows.
    """
    count, height, width = costs.shape
    total = costs.new_full((count, height + 1, width + 1), torch.inf)
    cells = costs.new_zeros(count, height + 1, width + 1)
    total[:, 0, 0] = 0
    for row in range(1, height + 1):
        for column in range(1, width + 1):
            before = [(row - 1, column - 1), (row, column - 1), (row - 1, column)]
            ways = torch.stack([total[:, y, x] for y, x in before])
            best, way = ways.min(0)
            steps = torch.stack([cells[:, y, x] for y, x in before]).gather(0, way[None])[0]
            total[:, row, column] = best + costs[:, row - 1, column - 1]
            cells[:, row, column] = steps + 1
    every = torch.arange(count)
    return total[every, rows, columns] / cells[every, rows, columns]
