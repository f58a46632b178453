"""The trained model of this repository, loaded once."""

from pathlib import Path

import pytest

from wordbrush.model import Model, load_model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def small() -> Model:
    return load_model(ROOT / "models/small")
