"""How features are made of sound: a part of the configuration of every model that hears."""

from typing import Annotated

from pydantic import Field

from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.storage.configs import Part
from wordbrush.storage.validation import Count

Bands = Annotated[int, Field(ge=1, le=1 << 12)]
Milliseconds = Annotated[float, Field(ge=1, le=1000)]


class FeatureConfig(Part):
    """What features are made of: all that `log_mel` and `with_silence` need.

    bands: mel bands, from `low_hz` to half the sample rate. window_ms, hop_ms: length of a frame,
    and from one frame to the next. pre_emphasis: the share of the previous sample that is
    subtracted from each. range_db: what is so many decibels below the maximum is 0. max_frames:
    what is longer is cut. silence_ms: silence before and after what is spoken.
    """

    bands: Bands
    window_ms: Milliseconds
    hop_ms: Milliseconds
    low_hz: Annotated[float, Field(ge=0, lt=SAMPLE_RATE / 2)]
    pre_emphasis: Annotated[float, Field(ge=0, lt=1)]
    range_db: Annotated[float, Field(gt=0, le=1e6)]
    max_frames: Count
    silence_ms: Annotated[float, Field(ge=0, le=10_000)]

    def same_frames(self, other: "FeatureConfig") -> bool:
        """Whether both make the same frames of a sound that has its silence and is not too long."""
        anything = {"max_frames": self.max_frames, "silence_ms": self.silence_ms}
        return other.model_copy(update=anything) == self
