"""ABX against written-out loops."""

import numpy as np
import pytest
import torch

from wordbrush.evaluation.abx import (
    Token,
    Triples,
    abx_error,
    cheapest_path,
    distances,
    draw_triples,
)


def slow_distance(first: torch.Tensor, second: torch.Tensor) -> float:
    """By a table of (total, cells) that is filled cell by cell."""
    table = {(0, 0): (0.0, 0)}
    for row, one in enumerate(first.tolist(), start=1):
        for column, other in enumerate(second.tolist(), start=1):
            cosine = np.dot(one, other) / (np.linalg.norm(one) * np.linalg.norm(other))
            ways = [(row - 1, column - 1), (row, column - 1), (row - 1, column)]
            total, cells = min((table[way] for way in ways if way in table), key=lambda way: way[0])
            table[row, column] = total + 1 - cosine, cells + 1
    total, cells = table[len(first), len(second)]
    return total / cells


def test_distances_are_those_of_a_loop():
    rng = torch.Generator().manual_seed(0)
    lengths = [(1, 1), (1, 5), (4, 2), (6, 6), (3, 7)]
    first, second = (
        [torch.randn(pair[side], 3, generator=rng) for pair in lengths] for side in (0, 1)
    )
    slow = [slow_distance(*pair) for pair in zip(first, second, strict=True)]
    assert distances(first, second).tolist() == pytest.approx(slow, abs=1e-4)


def test_the_cheapest_path_by_hand():
    costs = torch.tensor([[[1.0, 5.0, 9.0], [5.0, 1.0, 1.0], [9.0, 9.0, 9.0]]])
    # of the first two rows: 1, then 1 on the diagonal, then 1 along the row
    assert cheapest_path(costs, torch.tensor([2]), torch.tensor([3])).item() == 1.0
    assert cheapest_path(costs, torch.tensor([3]), torch.tensor([3])).item() == pytest.approx(
        11 / 3
    )


def tokens_of(count: int) -> list[Token]:
    """Three phones, each said `count` times by each of two voices."""
    return [
        Token(phone, caption, voice, 0.1, 0.2)
        for phone in "ptk"
        for voice in (0, 1)
        for caption in range(count)
    ]


def test_triples_are_what_they_should_be():
    tokens = tokens_of(6)
    triples = draw_triples(tokens, 0, count=600)
    assert len(triples.a) == 600 and sorted(set(triples.pair.tolist())) == list(range(6))
    for a, b, x in zip(triples.a, triples.b, triples.x, strict=True):
        assert tokens[a].phone == tokens[x].phone != tokens[b].phone
        assert tokens[a].voice == tokens[b].voice != tokens[x].voice
    assert draw_triples(tokens_of(4), 0) is None  # too seldom
    assert draw_triples([one for one in tokens if one.voice == 0], 0) is None  # one voice alone


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("oracle", 0, 0), ("random", 45, 55), ("one", 50, 50)]
)
def test_codes_that_know_everything_or_nothing(kind, low, high):
    tokens, rng = tokens_of(20), torch.Generator().manual_seed(1)
    codebook = torch.randn(3, 8, generator=rng)
    numbers = {
        "oracle": torch.tensor(["ptk".index(one.phone) for one in tokens]),
        "random": torch.randint(3, (len(tokens),), generator=rng),
        "one": torch.zeros(len(tokens), dtype=torch.long),
    }[kind]
    frames = [codebook[number].repeat(2, 1) for number in numbers]
    found = abx_error(frames, draw_triples(tokens, 0, count=3000), 50, 0)
    assert low <= found["low"] <= found["value"] <= found["high"] <= max(high, found["high"])
    assert low <= found["value"] <= high


def test_each_pair_of_phones_counts_alike():
    frames = [torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])]
    # pair 0: three right answers; pair 1: a wrong one
    triples = Triples(
        *(np.array(one) for one in ([0, 0, 0, 1], [1, 1, 1, 0], [0] * 4, [0, 0, 0, 1]))
    )
    assert abx_error(frames, triples, 20, 0)["value"] == 50.0


def test_the_frames_of_a_phone():
    token = Token("p", 0, 0, 0.10, 0.19)
    assert token.frames(0.02, 100) == slice(5, 10)
    assert token.frames(0.16, 100) == slice(1, 2)  # the frame at 0.16
    assert Token("p", 0, 0, 0.17, 0.2).frames(0.16, 100) == slice(1, 2)  # none within: the nearest
    assert token.frames(0.02, 6) == slice(5, 6) and token.frames(0.02, 3) == slice(2, 3)
