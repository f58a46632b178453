"""Both losses against slow versions in plain loops."""

from math import log

import torch
from torch.nn import functional as F

from wordbrush.senses.losses import alignment_loss, transfer_loss


def test_transfer_is_the_divergence_of_each_value():
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 3, generator=rng, dtype=torch.float64)
    presences = torch.rand(4, 3, generator=rng, dtype=torch.float64)
    presences[0, 0], presences[1, 1] = 0.0, 1.0
    expected = 0.0
    for row in range(4):
        for value in range(3):
            p, q = float(presences[row, value]), float(logits[row, value].sigmoid())
            for there, told in ((p, q), (1 - p, 1 - q)):
                expected += there * log(there / told) if there else 0.0
    torch.testing.assert_close(float(transfer_loss(logits, presences)), expected / 4)
    agreed = transfer_loss(presences.clamp(0.01, 0.99).logit(), presences.clamp(0.01, 0.99))
    assert abs(float(agreed)) < 1e-12


def test_alignment_sums_what_impostors_come_too_near():
    rng = torch.Generator().manual_seed(0)
    seen, partners = torch.randn(2, 5, 7, generator=rng, dtype=torch.float64)
    margin, expected = 0.4, 0.0
    for i in range(5):
        matched = float(F.cosine_similarity(seen[i], partners[i], dim=0))
        for j in range(5):
            if j != i:
                for one, other in ((seen[i], partners[j]), (seen[j], partners[i])):
                    near = float(F.cosine_similarity(one, other, dim=0))
                    expected += max(0.0, margin - matched + near)
    torch.testing.assert_close(float(alignment_loss(seen, partners, margin)), expected / 5)
    apart = torch.eye(5, dtype=torch.float64)
    assert float(alignment_loss(apart, apart, 0.9)) == 0.0
