"""How features are made of sound: a part of the configuration of every model that hears."""

from typing import Annotated, Literal

from pydantic import Field

from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.storage.configs import Part
from wordbrush.storage.validation import Count

Bands = Annotated[int, Field(ge=1, le=1 << 12)]
Milliseconds = Annotated[float, Field(ge=1, le=1000)]
Normalisation = Literal["utterance", "running"]
FIRST_NORMALISATION: Normalisation = "utterance"  # of files that do not name one


class FeatureConfig(Part):
    """What features are made of: all that `log_mel` and `with_silence` need.

    bands: mel bands, from `low_hz` to half the sample rate. window_ms, hop_ms: length of a frame,
    and from one frame to the next. pre_emphasis: the share of the previous sample that is
    subtracted from each. normalisation: `utterance` measures levels against the loudest moment of
    the utterance; `running` against full scale, and leaves the rest to the encoder, which
    normalises over a running window. range_db: what is so many decibels below that is 0.
    max_frames: what is longer is cut. silence_ms: silence before and after what is spoken.
    """

    bands: Bands
    window_ms: Milliseconds
    hop_ms: Milliseconds
    low_hz: Annotated[float, Field(ge=0, lt=SAMPLE_RATE / 2)]
    pre_emphasis: Annotated[float, Field(ge=0, lt=1)]
    normalisation: Normalisation
    range_db: Annotated[float, Field(gt=0, le=1e6)]
    max_frames: Count
    silence_ms: Annotated[float, Field(ge=0, le=10_000)]

    def same_frames(self, other: "FeatureConfig") -> bool:
        """Whether both make the same frames of a sound that has its silence and is not too long."""
        anything = {"max_frames": self.max_frames, "silence_ms": self.silence_ms}
        return other.model_copy(update=anything) == self
