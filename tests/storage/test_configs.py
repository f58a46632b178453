"""Configurations: written in the newest format, read in every format that there ever was."""

import json
from typing import ClassVar

import pytest

from wordbrush.errors import WordbrushError
from wordbrush.storage.configs import Config, Migration, Part, read_config, write_config


class Layer(Part):
    width: int


def with_layers(old: dict) -> dict:
    """Format 1 had one width."""
    return {"layers": [{"width": old["width"]}], "scale": old["scale"]}


def in_percent(old: dict) -> dict:
    """Format 2 had the scale as a share."""
    scale = old.pop("scale")
    return {**old, "percent": 100 * scale}


class Network(Config):
    migrations: ClassVar[tuple[Migration, ...]] = (with_layers, in_percent)

    layers: list[Layer]
    percent: float


NETWORK = Network(layers=[Layer(width=3)], percent=50.0)


@pytest.mark.parametrize(
    "content",
    [
        {"width": 3, "scale": 0.5},
        {"format": 1, "width": 3, "scale": 0.5},
        {"format": 2, "layers": [{"width": 3}], "scale": 0.5},
        {"format": 3, "layers": [{"width": 3}], "percent": 50.0},
    ],
)
def test_every_format_is_read(tmp_path, content):
    (tmp_path / "network.json").write_text(json.dumps(content))
    assert read_config(tmp_path / "network.json", Network) == NETWORK


def test_what_is_written_names_its_format_and_is_read_back(tmp_path):
    write_config(tmp_path / "network.json", NETWORK)
    written = json.loads((tmp_path / "network.json").read_text())
    assert written == {"format": 3, "layers": [{"width": 3}], "percent": 50.0}
    assert read_config(tmp_path / "network.json", Network) == NETWORK


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"format": 4, "depth": 2}', r"has format 4, .* up to 3: upgrade Wordbrush"),
        ('{"format": 0}', "format = 0 is not a number from 1"),
        ('{"format": true}', "format = True is not a number from 1"),
        ('{"format": "2"}', "format = '2' is not a number from 1"),
        ('{"width": 3}', "scale is missing"),
        ('{"width": 3, "scale": null}', "does not have the fields of a configuration"),
        ('{"width": "3", "scale": 0.5}', r"layers\.0\.width = '3'"),
        ('{"format": 3, "layers": []}', "percent is missing"),
        ('{"format": 3, "layers": [], "percent": 1, "depth": 2}', "depth = 2 is unknown"),
        ('{"format": 3, "lay', "is not readable JSON"),
        ("[1, 2]", "should be a"),
    ],
)
def test_damage_is_named_with_file_and_field(tmp_path, text, sentence):
    (tmp_path / "network.json").write_text(text)
    with pytest.raises(WordbrushError, match=rf"network\.json.*{sentence}"):
        read_config(tmp_path / "network.json", Network)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WordbrushError, match=r"network\.json is missing"):
        read_config(tmp_path / "network.json", Network)


def test_a_section_of_the_parameters_gives_the_fields_that_it_has(tmp_path):
    class Section(Part):
        layers: list[Layer]
        batch_size: int

    section = Section(layers=[Layer(width=3)], batch_size=8)
    assert Network.taken_from(section, percent=50.0) == NETWORK
