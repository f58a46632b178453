"""Normalisation over a running window: against plain loops, and while speech still comes."""

import pytest
import torch

from wordbrush.davenet.running_norm import LEAST_DEVIATION, RunningNorm, RunningNormStream

WINDOWS = [(7, 2), (5, 0), (0, 4), (500, 300), (15, 16)]


def by_loops(features: torch.Tensor, past: int, future: int) -> torch.Tensor:
    """The definition, of one utterance [bands, T]."""
    frames = []
    for time in range(features.shape[1]):
        window = features[:, max(0, time - past) : time + future + 1].double()
        mean = window.mean(1)
        variance = (window - mean[:, None]).square().mean()
        frames.append((features[:, time] - mean) / (variance + LEAST_DEVIATION**2).sqrt())
    return torch.stack(frames, 1).float()


@pytest.mark.parametrize("window", WINDOWS)
def test_each_frame_is_compared_with_its_own_window(window):
    torch.manual_seed(0)
    features, lengths = torch.rand(3, 8, 40), torch.tensor([40, 17, 1])
    normalised = RunningNorm(*window)(features, lengths)  # what is behind the lengths is no silence
    assert normalised.shape == features.shape
    for row, length in enumerate(lengths):
        wanted = by_loops(features[row, :, :length], *window)
        assert torch.allclose(normalised[row, :, :length], wanted, atol=1e-5)
        assert not normalised[row, :, length:].any()


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("chunks", [[40], [1] * 40, [3, 0, 20, 9, 8]])
def test_a_stream_gives_what_the_whole_utterance_gives(window, chunks):
    torch.manual_seed(0)
    norm, features = RunningNorm(*window), torch.rand(8, sum(chunks))
    wanted = norm(features[None], torch.tensor([sum(chunks)]))[0]
    stream = RunningNormStream(norm)
    for _ in range(2):  # the second utterance owes nothing to the first
        answers, come = [], 0
        for chunk in features.split(chunks, 1):
            answers.append(stream.push(chunk))
            come += chunk.shape[1]
            assert sum(part.shape[1] for part in answers) == max(0, come - window[1])
        answers.append(stream.finish())
        assert torch.allclose(torch.cat(answers, 1), wanted, atol=1e-5)


def test_a_stream_keeps_no_more_than_its_window():
    norm = RunningNorm(5, 3)
    stream = RunningNormStream(norm)
    for _ in range(50):
        stream.push(torch.rand(8, 2))
    assert stream.kept is not None and stream.kept.shape[1] == 5 + 3
    with pytest.raises(ValueError, match="no frames came"):
        RunningNormStream(norm).finish()


def test_neither_level_nor_microphone_matters():
    torch.manual_seed(0)
    features, lengths = 0.2 + 0.5 * torch.rand(2, 8, 60), torch.tensor([60, 30])
    norm, microphone = RunningNorm(20, 5), 0.2 * torch.rand(8, 1)
    assert torch.allclose(norm(features, lengths), norm(features + microphone, lengths), atol=1e-4)


def test_it_computes_in_float32_whatever_the_precision():
    features, lengths = torch.rand(1, 8, 60), torch.tensor([60])
    norm = RunningNorm(20, 5)
    with torch.autocast("cpu", torch.bfloat16):
        low = norm(features, lengths)
    assert low.dtype == torch.float32 and torch.equal(low, norm(features, lengths))
    assert not norm.state_dict()
