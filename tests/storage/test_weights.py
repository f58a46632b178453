"""Weights travel as safetensors; a damaged or ill-fitting file is named."""

import pytest
import torch

from wordbrush.errors import WordbrushError
from wordbrush.storage.configs import Config, read_config
from wordbrush.storage.weights import load_weights, save_network


class Inputs(Config):
    inputs: int


def test_round_trip_and_damage(tmp_path):
    torch.manual_seed(0)
    saved = torch.nn.Linear(3, 2)
    save_network(tmp_path, "net", saved, Inputs(inputs=3))
    fresh = torch.nn.Linear(3, 2)
    load_weights(tmp_path, "net", fresh)
    assert torch.equal(fresh.weight, saved.weight)
    assert read_config(tmp_path / "net.json", Inputs) == Inputs(inputs=3)
    with pytest.raises(
        WordbrushError, match=r"net\.safetensors does not hold this network's weights"
    ):
        load_weights(tmp_path, "net", torch.nn.Linear(4, 2))
    path = tmp_path / "net.safetensors"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(WordbrushError, match=r"net\.safetensors does not hold"):
        load_weights(tmp_path, "net", fresh)
