"""model.json: what a model is, and how it hears."""

from typing import Any, ClassVar

from wordbrush.audio.config import FeatureConfig
from wordbrush.storage.configs import Config, Migration


def with_features_alone(old: dict[str, Any]) -> dict[str, Any]:
    """Format 1 (version 0.1.0) had all of `captions` in params.yaml, and repeated the similarity,
    which encoders.json has too."""
    features = {name: old["captions"][name] for name in FeatureConfig.model_fields}
    return {"version": old["version"], "method": old["method"], "features": features}


class ModelConfig(Config):
    """version: of Wordbrush, that exported the model. method: a row of the paper's tables, for
    information. features: how sound becomes what the encoders hear."""

    migrations: ClassVar[tuple[Migration, ...]] = (with_features_alone,)

    version: str
    method: str
    features: FeatureConfig
