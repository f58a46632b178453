"""Statistics of a batch against PyTorch's own, and against a loop."""

import pytest
import torch
from torch import nn

from wordbrush.training.norms import (
    BatchNorm1d,
    InputNorm,
    minibatch_stddev,
    running_statistics,
)


def test_input_norm_is_batch_norm_of_one_channel():
    torch.manual_seed(0)
    ours, theirs = InputNorm(1), nn.BatchNorm1d(1)
    for _ in range(3):
        x = 3 * torch.randn(50, 4) + 2
        assert torch.allclose(ours(x), theirs(x.reshape(-1, 1)).view(x.shape), atol=1e-5)
    assert torch.allclose(ours.running_mean, theirs.running_mean, atol=1e-6)
    theirs.running_var.copy_(ours.running_var)  # torch's is the unbiased one
    assert torch.allclose(ours.eval()(x), theirs.eval()(x.reshape(-1, 1)).view(x.shape), atol=1e-5)


@pytest.mark.parametrize("affine", [True, False])
def test_places_that_do_not_count_are_no_statistics(affine):
    """As PyTorch's own norm of those alone that count."""
    torch.manual_seed(0)
    ours, theirs = BatchNorm1d(3, affine=affine), nn.BatchNorm1d(3, affine=affine)
    x = 3 * torch.randn(2, 3, 5) + 2
    counted = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]]).bool()
    wanted = theirs(x.transpose(1, 2)[counted])
    torch.testing.assert_close(ours(x, counted).transpose(1, 2)[counted], wanted)
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(getattr(ours, name), getattr(theirs, name))


@pytest.mark.parametrize(("count", "group", "used"), [(8, 4, 4), (6, 4, 3), (5, 4, 1), (2, 4, 2)])
def test_minibatch_stddev_against_a_written_out_loop(count, group, used):
    x = torch.randn(count, 2, 3, 3, dtype=torch.float64)
    out = minibatch_stddev(x, group)
    assert out.shape == (count, 3, 3, 3) and torch.equal(out[:, :2], x)
    groups = count // used
    for sample in range(count):
        members = [x[sample % groups + groups * k] for k in range(used)]
        mean = sum(members) / used
        deviation = (sum((member - mean) ** 2 for member in members) / used + 1e-8).sqrt().mean()
        assert torch.allclose(out[sample, 2], deviation.expand(3, 3))


def test_running_statistics_are_used_and_left_alone():
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(3).train()
    norm(torch.randn(8, 3))
    before, x = norm.running_mean.clone(), 5 + torch.randn(8, 3)
    with running_statistics(norm):
        inside = norm(x)
    assert norm.training and torch.equal(norm.running_mean, before)
    wanted = (x - before) / (norm.running_var + norm.eps).sqrt()
    assert torch.allclose(inside, wanted, atol=1e-6)
