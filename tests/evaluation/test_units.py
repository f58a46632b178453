"""Codes as word detectors, and what else is measured of codebooks."""

import pytest
import torch

from wordbrush.evaluation.units import (
    count_codes,
    counted_words,
    near_words,
    perplexity,
    ranked_detectors,
    standardised,
)


def said(text: str, seconds: float, first: float = 0.0) -> list[dict]:
    """Words one after another, each so long, the first from a time on."""
    return [
        {
            "word": word,
            "start": first + number * seconds,
            "end": first + (number + 1) * seconds,
        }
        for number, word in enumerate(text.split())
    ]


# Two captions with frames every 100 ms. A word of 200 ms is heard by the frames whose middles are
# less than 40 ms away from it: here, by two. `the` is a stop word.
CAPTIONS = [said("red ball the red", 0.2, -0.05), said("ball blue", 0.2, -0.05)]
CODES = torch.tensor([[3, 3, 1, 1, 0, 0, 3, 2], [1, 2, 2, 0, 0, 0, 0, 0]])
LENGTHS = torch.tensor([8, 4])


def table():
    words = near_words(CAPTIONS, LENGTHS, 0.1)
    return count_codes(CODES, LENGTHS, 5, words)


def test_the_table_of_the_lecture_by_hand():
    counts = table()
    assert counts.labels == ["ball", "blue", "red"] and counts.said.tolist() == [2, 1, 2]
    assert counts.used.tolist() == [3, 3, 3, 3, 0]
    # code 3: frames 0, 1 and 6 of the first caption, all of them in `red`, which is said twice
    rows = {row["unit"]: row["hypotheses"] for row in ranked_detectors(counts)}
    assert rows[3][0] == {
        "label": "red", "f1": 100.0, "precision": 100.0, "recall": 100.0, "occurrences": 2,
    }  # fmt: skip
    # code 1: frames 2, 3 and 0, in both occurrences of `ball`
    assert rows[1][0]["label"] == "ball" and rows[1][0]["f1"] == 100.0
    # code 2: once in the last `red`, once in `ball`, once in `blue`
    assert [one["label"] for one in rows[2]] == ["blue", "ball"]
    assert rows[2][0]["precision"] == pytest.approx(33.33) and rows[2][0]["recall"] == 100.0
    assert rows[2][0]["f1"] == pytest.approx(50.0)
    assert rows[2][1]["recall"] == 50.0 and rows[2][1]["occurrences"] == 1
    # code 0: in `the`, which is no word that counts, and in `blue`
    assert rows[0][0]["precision"] == pytest.approx(33.33)
    assert list(rows) == [1, 3, 0, 2] and 4 not in rows


@pytest.mark.parametrize(
    ("language", "text", "others"),
    [
        ("en", "there is a red block and in front of it a large metal ball", []),
        (
            "de",
            "links von einer großen Kugel aus Metall ist ein roter Würfel aus Gummi",
            ["aus", "ein", "einer", "ist", "von"],
        ),
    ],
)
def test_words_of_attributes_and_relations_count_in_every_language(language, text, others):
    labels = near_words([said(text, 0.2)], torch.tensor([99]), 0.1).labels
    counted = counted_words(language)
    assert [label for label in labels if label not in counted] == others


def test_counts_are_those_of_a_loop():
    rng = torch.Generator().manual_seed(0)
    codes = torch.randint(6, (4, 30), generator=rng)
    lengths = torch.tensor([30, 11, 25, 1])
    captions = [said("red small blue ball red cube green", 0.237)] * 4
    counts = count_codes(codes, lengths, 6, near_words(captions, lengths, 0.08))
    for label, word in enumerate(counts.labels):
        for code in range(6):
            within = set()
            found = 0
            for caption, words in enumerate(captions):
                for one in words:
                    if one["word"] != word:
                        continue
                    heard = [
                        (caption, frame)
                        for frame in range(int(lengths[caption]))
                        if one["start"] - 0.04 <= frame * 0.08 < one["end"] + 0.04
                        and codes[caption, frame] == code
                    ]
                    within.update(heard)
                    found += bool(heard)
            assert (counts.within[label, code], counts.found[label, code]) == (len(within), found)


def test_codes_that_are_the_words_detect_them_all():
    words = near_words(CAPTIONS, LENGTHS, 0.1)
    codes = torch.full_like(CODES, len(words.labels))
    for row, label, first, stop in zip(
        words.caption, words.label, words.first, words.stop, strict=True
    ):
        codes[row, first:stop] = label
    found = count_codes(codes, LENGTHS, 4, words)
    assert found.f1.amax(1).tolist() == pytest.approx([1.0] * 3, abs=1e-6)


def test_perplexity_is_the_number_of_codes_that_are_used_alike():
    assert perplexity(torch.tensor([5, 5, 0, 5, 5])) == pytest.approx(4)
    assert perplexity(torch.tensor([7, 0])) == pytest.approx(1)
    assert perplexity(torch.tensor([1, 3])) == pytest.approx(2**0.8112781, rel=1e-5)


def test_bands_are_standardised_over_all_phones():
    frames = {2: torch.tensor([[1.0, 5.0], [3.0, 5.0]]), 7: torch.tensor([[5.0, 8.0]])}
    every = torch.cat(list(standardised(frames).values()))
    assert torch.allclose(every.mean(0), torch.zeros(2), atol=1e-6)
    assert torch.allclose(every.std(0), torch.ones(2), atol=1e-4) and standardised({}) == {}
