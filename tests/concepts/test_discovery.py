"""What cluster-units computes from the audio branch, for captions of different lengths."""

import numpy as np
import torch

from wordbrush.concepts.clusters import membership
from wordbrush.concepts.discovery import audio_scale, top_sounds
from wordbrush.davenet.encoded import Encoded


def test_the_scale_of_speech_knows_no_padding():
    frames = torch.tensor([[[1.0, 2.0, 3.0, 0.0, 0.0]], [[4.0, 9.0, 9.0, 9.0, 9.0]]])
    scale = audio_scale(frames, torch.tensor([3, 1]))
    assert torch.allclose(scale, torch.tensor([1.0, 2.0, 3.0, 4.0]).std()[None])


def test_examples_do_not_depend_on_how_far_captions_are_padded():
    """Padding must not change the weight of two units of one cluster."""
    audio, lengths = torch.zeros(3, 2, 4), torch.tensor([4, 2, 2])
    audio[0, 0], audio[0, 1] = torch.tensor([5.0, 5, 5, 5.5]), torch.tensor([0.0, 0, 0, 3])
    audio[1, 0, :2], audio[1, 1, :2] = torch.tensor([5.0, 6]), torch.tensor([0.0, 0])
    audio[2, 0, :2], audio[2, 1, :2] = torch.tensor([5.0, 5]), torch.tensor([0.0, 3.5])
    members = membership(torch.zeros(2, dtype=torch.long).numpy())
    field = (1.0, 1.0)
    (near,) = top_sounds(Encoded(audio, lengths), np.arange(3), members, 3, field)
    wider = torch.nn.functional.pad(audio, (0, 400))
    (far,) = top_sounds(Encoded(wider, lengths), np.arange(3), members, 3, field)
    assert near == far and [one["sample"] for one in near] == [0, 1, 2]
