"""model.json: what a model is, and how it hears."""

from typing import Any, ClassVar, Literal

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


def of_drawings(old: dict[str, Any]) -> dict[str, Any]:
    """Formats 1 to 3 were of models that were trained on their own drawings, and have all parts."""
    return {**old, "graph": "drawn"}


class ModelConfig(Config):
    """version: of Wordbrush, that exported the model. method: a row of the paper's tables, for
    information. graph: of dvc.yaml, which says what parts there are: one of a collection reads no
    pictures, and draws only if it was redrawn. features: how sound becomes what the encoders
    hear."""

    migrations: ClassVar[tuple[Migration, ...]] = (
        with_features_alone,
        with_first_normalisation,
        of_drawings,
    )

    version: str
    method: str
    graph: Literal["drawn", "recorded", "redrawn"]
    features: FeatureConfig
