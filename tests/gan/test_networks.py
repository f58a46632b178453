"""The networks of the GAN against known answers."""

import math

import pytest
import torch

from wordbrush.gan.networks import (
    Conv,
    Discriminator,
    DoublingConv,
    Generator,
    GeneratorConfig,
    HalvingConv,
    double,
    halve,
    pixel_norm,
    resolutions,
)

CHANNELS = {4: 8, 8: 8, 16: 4, 32: 4}


@pytest.fixture
def generator():
    torch.manual_seed(0)
    return Generator(
        GeneratorConfig(latent_dim=6, channels=CHANNELS, resolution=32)
    ).requires_grad_(False)


def test_levels():
    assert resolutions(4) == [4] and resolutions(32) == [4, 8, 16, 32]


def test_pixel_norm_has_unit_mean_square():
    x = 7 * torch.randn(3, 5, 4, 4)
    assert torch.allclose(pixel_norm(x).square().mean(1), torch.ones(3, 4, 4), atol=1e-5)


def test_pixel_norms_gradient_is_that_of_its_formula():
    x = torch.randn(2, 5, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.allclose(pixel_norm(x), x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt())
    assert torch.autograd.gradcheck(pixel_norm, x)


def test_equalised_scale():
    conv = Conv(8, 4, 3)
    assert conv.scale == math.sqrt(2) / math.sqrt(8 * 9)
    x = torch.randn(1, 8, 5, 5)
    wanted = torch.nn.functional.conv2d(x, conv.weight * conv.scale, conv.bias, padding=1)
    assert torch.equal(conv(x), wanted)


def test_doubling_and_halving_convolutions_are_their_two_steps():
    x = torch.randn(2, 3, 8, 8)
    plain = Conv(3, 5, 3)
    for kind, steps in ((DoublingConv, plain(double(x))), (HalvingConv, halve(plain(x)))):
        fused = kind(3, 5, 3)
        fused.load_state_dict(plain.state_dict())
        assert torch.allclose(fused(x), steps, atol=1e-5)


def test_encode_and_decode_are_the_generator(generator):
    z = torch.randn(4, 6)
    h4 = generator.encode(z)
    assert h4.shape == (4, 8, 8, 8)
    assert torch.equal(generator.decode(h4), generator(z))
    assert torch.equal(generator(z), generator.at_level(z, 3, 1.0))


@pytest.mark.parametrize("size", [4, 16, 32])
def test_any_level_can_be_edited(generator, size):
    z = torch.randn(4, 6)
    features = generator.encode(z, size)
    assert features.shape == (4, CHANNELS[size], size, size)
    assert torch.equal(generator.decode(features), generator(z))


def test_a_fade_begins_at_the_level_below_and_ends_at_the_new_one(generator):
    z = torch.randn(2, 6)
    assert torch.allclose(
        generator.at_level(z, 2, 0.0), double(generator.at_level(z, 1, 1.0)), atol=1e-6
    )
    half = generator.at_level(z, 2, 0.5)
    ends = generator.at_level(z, 2, 0.0), generator.at_level(z, 2, 1.0)
    assert torch.allclose(half, (ends[0] + ends[1]) / 2, atol=1e-6)


def test_batches_judged_in_one_pass_do_not_mix():
    torch.manual_seed(0)
    discriminator = Discriminator(CHANNELS, 32, 2)
    real, fake = torch.randn(4, 3, 32, 32), torch.randn(4, 3, 32, 32)
    both = discriminator(torch.cat([real, fake]), 3, 0.5, sets=2)
    assert torch.allclose(
        both, torch.cat([discriminator(one, 3, 0.5) for one in (real, fake)]), atol=1e-5
    )


def test_the_discriminator_fades_alike():
    torch.manual_seed(0)
    discriminator = Discriminator(CHANNELS, 32, 2)
    small = torch.randn(4, 3, 16, 16)
    assert torch.allclose(
        discriminator(double(small), 3, 0.0), discriminator(small, 2, 1.0), atol=1e-5
    )
    assert discriminator(double(small), 3, 1.0).shape == (4,)
