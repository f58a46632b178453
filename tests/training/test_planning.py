"""How many rows a device takes at once, of given sizes."""

import pytest
import torch
from torch import nn

from wordbrush.audio.config import FeatureConfig
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoding import bytes_a_picture
from wordbrush.gan.networks import Generator, GeneratorConfig
from wordbrush.gan.sampling import bytes_a_drawing
from wordbrush.training.planning import MOST_ROWS, bytes_a_row, rows_at_once, rows_that_fit

CPU, GPU = torch.device("cpu"), torch.device("cuda")
GIB = 1 << 30


@pytest.mark.parametrize(
    ("size", "each", "rows"),
    [
        (8 * GIB, GIB // 4, 4),  # an eighth is 1 GiB
        (8 * GIB, GIB // 5, 4),  # five would fit
        (8 * GIB, GIB // 8 + 1, 4),  # seven
        (8 * GIB, 2 * GIB, 1),  # at least one
        (8 * GIB, 0, MOST_ROWS),
        (1 << 60, 1, MOST_ROWS),
    ],
)
def test_rows_are_a_power_of_two_that_fits(size, each, rows):
    assert rows_that_fit(size, each) == rows


def test_cpus_take_the_usual_number_and_count_nothing():
    def never() -> int:
        raise AssertionError("nothing is planned on CPUs")

    assert rows_at_once(250, never, CPU) == 250
    assert rows_at_once(250, lambda: GIB // 16, GPU, size=8 * GIB) == 16


def test_a_pass_holds_what_it_needs_at_a_time():
    """The widest place of a row is between 64 and 256 numbers; what came before is let go."""
    build = lambda: nn.Sequential(  # noqa: E731
        nn.Linear(8, 64), nn.Linear(64, 256), nn.Linear(256, 4), nn.Linear(4, 100)
    )
    forward = lambda network, rows: network(torch.empty(rows, 8))  # noqa: E731
    found = bytes_a_row(build, forward)
    assert 4 * (64 + 256) <= found <= 4 * (8 + 64 + 256)


def test_larger_pictures_and_networks_take_more(demo):
    found = []
    for side in (32, 64):
        davenet = demo.davenet.model_copy(update={"image_size": side})
        config = EncoderConfig.of(davenet, FeatureConfig.taken_from(demo.captions))
        found.append(bytes_a_picture(config, (side, side)))
    assert found[1] == 4 * found[0]
    drawing = bytes_a_drawing(Generator(GeneratorConfig.of(demo.gan, 32)))
    widest = 4 * 32 * 32 * demo.gan.channels[32]  # what the last convolution gives
    assert widest < drawing < 4 * widest
