"""Drawing, one batch after another or as recorded passes of one shape."""

import numpy as np
import pytest
import torch

from tests.replay import TapeRecorder
from wordbrush.gan.drawings import kept_drawings
from wordbrush.gan.networks import Generator, GeneratorConfig
from wordbrush.gan.sampling import LATENTS, draw, encode
from wordbrush.training.compute import device
from wordbrush.training.graphs import CudaRecorder, recording

BATCH, COUNT = 4, 26  # the last batch is smaller


@pytest.fixture
def generator():
    torch.manual_seed(0)
    config = GeneratorConfig(latent_dim=6, channels={4: 8, 8: 8, 16: 4}, resolution=16)
    return Generator(config).to(device()).eval().requires_grad_(False)


def all_drawn(generator) -> list[np.ndarray]:
    """What every function of sampling makes."""
    latents = torch.randn(COUNT, 6, generator=torch.Generator().manual_seed(1))
    asked, pictures, _ = kept_drawings(generator, 5 * LATENTS + 1, 2, None)
    units = encode(generator, latents, 8, BATCH).numpy()
    return [draw(generator, latents, BATCH), units, asked, pictures]


def test_recorded_passes_draw_the_same(generator):
    made = []

    def seen(generators):
        made.append(TapeRecorder(generators))
        return made[-1]

    expected = all_drawn(generator)
    with recording(seen):
        found = all_drawn(generator)
    # the pass of a whole batch is recorded once; the last batch of another shape is not
    assert [one.recorded for one in made] == [1, 1, 1]
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


def test_what_is_drawn_depends_on_the_latents_alone(generator):
    latents = torch.randn(COUNT, 6, generator=torch.Generator().manual_seed(1))
    whole, halves = draw(generator, latents, COUNT), draw(generator, latents, COUNT // 2)
    assert np.abs(whole.astype(int) - halves).max() <= 1 and whole.std() > 10


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_graphs_of_a_gpu_draw_the_same(generator):
    expected = all_drawn(generator)
    with recording(CudaRecorder):
        found = all_drawn(generator)
    for one, other in zip(found, expected, strict=True):
        assert np.allclose(one.astype(float), other, atol=1)
