"""Tempo: lengths, and where what was said lies afterwards."""

import torch

from wordbrush.davenet.augmentation.tempo import change_tempo


def test_an_event_lies_where_the_tempo_puts_it():
    frames, lengths = torch.zeros(3, 100, 2), torch.tensor([80, 80, 80])
    frames[:, 40] = 1
    changed, new = change_tempo(frames, lengths, torch.tensor([2.0, 1.0, 0.8]))
    assert new.tolist() == [40, 80, 100]
    assert torch.equal(changed[1], frames[1])
    centres = (changed[..., 0] * torch.arange(0.5, 100)).sum(1) / changed[..., 0].sum(1)
    assert torch.allclose(centres, 40.5 / torch.tensor([2.0, 1.0, 0.8]), atol=0.5)


def test_nothing_becomes_longer_than_the_batch_or_shorter_than_a_frame():
    frames, lengths = torch.ones(3, 10, 2), torch.tensor([10, 6, 1])
    changed, new = change_tempo(frames, lengths, torch.tensor([0.5, 0.5, 4.0]))
    assert new.tolist() == [10, 10, 1] and changed.shape == frames.shape
    assert changed[:2].all() and changed[2, 0].all() and not changed[2, 1:].any()


def test_padding_is_neither_heard_nor_filled():
    frames, lengths = torch.rand(2, 20, 3), torch.tensor([12, 20])
    frames[0, 12:] = 100.0
    changed, new = change_tempo(frames, lengths, torch.tensor([1.3, 1.3]))
    assert changed.max() <= 1
    for row, length in enumerate(new):
        assert not changed[row, length:].any()
