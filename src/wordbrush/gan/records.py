"""What a training of the GAN leaves beside the network. Loads no torch."""

from typing_extensions import TypedDict

from wordbrush.storage.validation import Finite


class GanMetrics(TypedDict):
    """metrics/gan.json: sliced Wasserstein distance by resolution, and its mean."""

    swd: dict[str, Finite]
