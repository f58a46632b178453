"""A trained model as a small folder: weights, configuration, and cards for people; reading it."""

from wordbrush.model.model import Model, load_model

__all__ = ["Model", "load_model"]
