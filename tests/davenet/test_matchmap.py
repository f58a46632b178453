"""The paper's formulas against loops; padding never counts; a salient location by hand."""

import pytest
import torch

from wordbrush.davenet.matchmap import matchmap, salient_location, similarity

LENGTHS = torch.tensor([7, 1, 3, 5])


def written_out(image, sound, length, kind):
    """The score of one picture [D, h, w] and one utterance [D, t], cell by cell."""
    cells = [(y, x) for y in range(image.shape[1]) for x in range(image.shape[2])]
    table = [[float(image[:, y, x] @ sound[:, t]) for t in range(length)] for y, x in cells]
    if kind == "MISA":
        return sum(max(column) for column in zip(*table, strict=True)) / int(length)
    if kind == "SIMA":
        return sum(max(row) for row in table) / len(cells)
    return sum(map(sum, table)) / (len(cells) * int(length))


@pytest.mark.parametrize("kind", ["SISA", "MISA", "SIMA"])
def test_similarities_against_a_written_out_loop(kind):
    torch.manual_seed(0)
    images = torch.randn(4, 5, 2, 3, dtype=torch.float64)
    audio = torch.randn(4, 5, 7, dtype=torch.float64)
    wanted = [written_out(*pair, kind) for pair in zip(images, audio, LENGTHS, strict=True)]
    assert similarity(images, audio, LENGTHS, kind).tolist() == pytest.approx(wanted)


@pytest.mark.parametrize("kind", ["SISA", "MISA", "SIMA"])
def test_padding_never_counts(kind):
    torch.manual_seed(0)
    images, audio = torch.randn(4, 5, 2, 3), torch.randn(4, 5, 7)
    longer = torch.cat([audio, 100 * torch.ones(4, 5, 2)], 2)
    scores = (similarity(images, sound, LENGTHS, kind) for sound in (audio, longer))
    assert torch.allclose(*scores)


def test_salient_location_ignores_padding():
    images, audio = torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 4)
    images[0, 0] = torch.tensor([[1.0, 2.0], [3.0, 0.0]])
    audio[0, 0] = torch.tensor([1.0, 2.0, 0.5, 9.0])
    cell, frame = salient_location(images, audio, torch.tensor([3]))
    assert cell.tolist() == [[1, 0]] and frame.tolist() == [1]
    assert matchmap(images, audio)[0, 1, 0].tolist() == [3.0, 6.0, 1.5, 27.0]
