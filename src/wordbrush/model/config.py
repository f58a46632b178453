"""model.json: what a model is, and how it hears."""

from typing import Any, ClassVar

from wordbrush.audio.config import FIRST_NORMALISATION, FeatureConfig
from wordbrush.storage.configs import Config, Migration


def with_features_alone(old: dict[str, Any]) -> dict[str, Any]:
    """Format 1 (version 0.1.0) had all of `captions` in params.yaml, and repeated the similarity,
    which encoders.json has too."""
    captions = old["captions"]
    kept = FeatureConfig.model_fields.keys() & captions.keys()
    features = {name: captions[name] for name in kept}
    return {"version": old["version"], "method": old["method"], "features": features}


def with_first_normalisation(old: dict[str, Any]) -> dict[str, Any]:
    """Formats 1 and 2 did not say how features were normalised: there was one way."""
    return {**old, "features": {**old["features"], "normalisation": FIRST_NORMALISATION}}


class ModelConfig(Config):
    """version: of Wordbrush, that exported the model. method: a row of the paper's tables, for
    information. features: how sound becomes what the encoders hear."""

    migrations: ClassVar[tuple[Migration, ...]] = (with_features_alone, with_first_normalisation)

    version: str
    method: str
    features: FeatureConfig
