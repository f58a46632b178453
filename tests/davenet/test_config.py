"""encoders.json: what training parameters change in it, and which features it accepts."""

import json

import pytest

from wordbrush.audio.config import FeatureConfig
from wordbrush.davenet.config import EncoderConfig, digest
from wordbrush.errors import WordbrushError
from wordbrush.params import Davenet
from wordbrush.storage.configs import read_config, write_config


class NewDavenet(Davenet):
    """The section of a later version, with one more required parameter."""

    new_parameter: float


@pytest.fixture
def features(tiny) -> FeatureConfig:
    return FeatureConfig.taken_from(tiny.captions)


@pytest.fixture
def config(tiny, features) -> EncoderConfig:
    return EncoderConfig.of(tiny.davenet, features, stage="pretrain", mining="hard")


def format_1(davenet: Davenet) -> str:
    """encoders.json as version 0.1.0 wrote it."""
    content = {"davenet": davenet.model_dump(), "bands": 40, "mining": "hard", "stage": "pretrain"}
    return json.dumps(content)


def test_a_new_training_parameter_changes_no_network(tiny, features, config, tmp_path):
    new = NewDavenet(**tiny.davenet.model_dump(), new_parameter=0.5)
    later = EncoderConfig.of(new, features, stage="pretrain", mining="hard")
    assert later.origin != config.origin
    assert later.model_copy(update={"origin": config.origin}) == config
    write_config(tmp_path / "encoders.json", later)
    assert read_config(tmp_path / "encoders.json", EncoderConfig) == later


def test_format_1_has_the_same_networks_and_origin(tiny, config, tmp_path):
    (tmp_path / "encoders.json").write_text(format_1(tiny.davenet))
    old = read_config(tmp_path / "encoders.json", EncoderConfig)
    assert old == config.model_copy(update={"features": None})
    assert old.origin["davenet_parameters"] == digest(tiny.davenet.model_dump())


def test_other_features_are_told_apart(features, config):
    assert config.hears(features)
    assert config.hears(features.model_copy(update={"silence_ms": 0.0}))
    assert not config.hears(features.model_copy(update={"hop_ms": 7.0}))


def test_of_unknown_features_the_bands_are_compared(features, config):
    old = config.model_copy(update={"features": None})
    assert old.hears(features.model_copy(update={"hop_ms": 7.0}))
    assert not old.hears(features.model_copy(update={"bands": 80}))


def test_format_2_was_of_features_that_came_normalised(config, tmp_path):
    path = tmp_path / "encoders.json"
    write_config(path, config)
    content = json.loads(path.read_text())
    assert content.pop("running_norm") is None
    assert content["features"].pop("normalisation") == "utterance"
    path.write_text(json.dumps({**content, "format": 2}))
    assert read_config(path, EncoderConfig) == config


def test_format_3_knew_neither_residual_networks_nor_codebooks(config, tmp_path):
    path = tmp_path / "encoders.json"
    write_config(path, config)
    content = json.loads(path.read_text())
    for name in ("audio_network", "audio_stages", "image_stages", "quantisers"):
        content.pop(name)
    path.write_text(json.dumps({**content, "format": 3}))
    assert read_config(path, EncoderConfig) == config


def test_running_features_are_normalised_by_their_encoders(tiny, features, tmp_path):
    running = features.model_copy(update={"normalisation": "running"})
    config = EncoderConfig.of(tiny.davenet, running)
    window = tiny.davenet.running_norm
    assert config.running_norm is not None
    assert config.running_frames == (
        round(1000 * window.past_seconds / features.hop_ms),
        round(1000 * window.future_seconds / features.hop_ms),
    )
    assert config.hears(running) and not config.hears(features)
    write_config(tmp_path / "encoders.json", config)
    assert read_config(tmp_path / "encoders.json", EncoderConfig) == config
    assert EncoderConfig.of(tiny.davenet, features).running_frames is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"audio_layers": [{"channels": 4, "width": 2, "pool": False}] * 2}, "width 2 is even"),
        ({"image_channels": [4] * 12}, "cannot be halved 11 times"),
        ({"audio_network": "resdavenet"}, "audio_stages to resdavenet"),
        (
            {
                "quantisers": [
                    {
                        "layer": 4,
                        "codes": 8,
                        "decay": 0.9,
                        "commitment": 1.0,
                        "revive_below": 0.1,
                    }
                ]
            },
            "quantisers names layer 4, and there are 3",
        ),
        ({"bands": 41}, r"bands 41 differs from features\.bands"),
        ({"similarity": "MASI"}, "similarity = 'MASI'"),
        ({"batch_size": 64}, "batch_size = 64 is unknown"),
        (
            {"running_norm": {"past_seconds": 1.0, "future_seconds": 0.0}},
            "running_norm belongs to features whose normalisation is running",
        ),
    ],
)
def test_what_no_network_can_have_is_named(config, tmp_path, change, sentence):
    write_config(tmp_path / "encoders.json", config)
    content = json.loads((tmp_path / "encoders.json").read_text())
    (tmp_path / "encoders.json").write_text(json.dumps({**content, **change}))
    with pytest.raises(WordbrushError, match=rf"encoders\.json.*{sentence}"):
        read_config(tmp_path / "encoders.json", EncoderConfig)
