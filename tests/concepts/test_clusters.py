"""Clusters: exact shares, counts by hand, and planted groups that are recovered."""

import numpy as np
import torch

from wordbrush.concepts.clusters import (
    binarise,
    cluster_activations,
    cluster_units,
    cooccurrence,
    draw_clusters,
    membership,
)


def test_binarise_keeps_exactly_the_top_share_of_every_unit():
    values = torch.stack([torch.arange(100.0), torch.arange(100.0).flip(0)], 1)
    on = binarise(values, 0.03)
    assert on.sum(0).tolist() == [3, 3] and on[97:, 0].all() and on[:3, 1].all()


def test_cooccurrence_by_hand():
    active = torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 1]], dtype=torch.bool)
    assert cooccurrence(active).tolist() == [[3, 2, 1], [2, 2, 1], [1, 1, 1]]


def test_planted_groups_are_found():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 3, 12)
    active = torch.from_numpy(rng.random((500, 3)) < 0.2)[:, group] & torch.from_numpy(
        rng.random((500, 12)) < 0.9
    )
    labels = cluster_units(cooccurrence(active), 3, "average")
    assert all(
        (labels[a] == labels[b]) == (group[a] == group[b]) for a in range(12) for b in range(12)
    )


def test_cluster_activation_is_the_mean_of_its_units():
    members = membership(np.array([0, 1, 0]))
    active = cluster_activations(
        torch.tensor([[2.0, 5.0, -1.0]]), torch.tensor([2.0, 1.0, 1.0]), members
    )
    assert active.tolist() == [[0.5, 5.0]]


def test_active_clusters_are_drawn_more_often():
    features = torch.tensor([[3.0, 0.0]]).repeat(400, 1)
    members, rng = membership(np.array([0, 1])), torch.Generator().manual_seed(0)
    assert (draw_clusters(features, torch.ones(2), members, rng) == 0).all()
    features[:, 1] = 1.0
    state = rng.get_state()
    drawn = draw_clusters(features, torch.ones(2), members, rng)
    active = cluster_activations(features, torch.ones(2), members) + 1e-6
    assert torch.equal(drawn, torch.multinomial(active, 1, generator=rng.set_state(state))[:, 0])
    assert 0.15 < drawn.float().mean() < 0.35
