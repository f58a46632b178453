"""What rebuilds a pair of trained encoders (encoders.json), and where they come from."""

import hashlib
import json
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, Field, model_validator

from wordbrush.audio.config import FIRST_NORMALISATION, Bands, FeatureConfig
from wordbrush.storage.configs import Config, Migration, Part

HEADS = "heads of context"  # in `EncoderConfig.origin`
VGG16_HALVINGS = 4
Width = Annotated[int, Field(ge=1, le=1 << 16)]  # channels of a layer, or frames of its window


class AudioLayer(Part):
    """A convolution over time, and whether a max-pool 3/2 follows it."""

    channels: Width
    width: Width
    pool: bool

    @model_validator(mode="after")
    def _centred(self) -> Self:
        if self.width % 2 == 0:
            raise ValueError(f"width {self.width} is even, and would change the number of frames")
        return self


class AudioStages(Part):
    """A first convolution over all bands of one frame, then stages of residual blocks (V).

    channels: of that convolution, and of every stage but the last, which has D. blocks: of a
    stage; the first halves the number of frames. width: of their convolutions, in frames.
    """

    channels: Annotated[list[Width], Field(min_length=1, max_length=8)]
    blocks: Annotated[int, Field(ge=1, le=16)]
    width: Width

    @model_validator(mode="after")
    def _centred(self) -> Self:
        if self.width % 2 == 0:
            raise ValueError(f"width {self.width} is even, and would change the number of frames")
        return self


class ImageStages(Part):
    """A ResNet of bottlenecks, without its last pool and layer (V).

    stem: by how much the first layers shrink a picture, 4 as for ImageNet, or 1. channels: of the
    3×3 convolutions of each stage, which has four times as many at its end. blocks: of each stage;
    all stages but the first halve the picture.
    """

    stem: Literal[1, 4]
    channels: Annotated[list[Width], Field(min_length=1, max_length=8)]
    blocks: Annotated[list[Annotated[int, Field(ge=1, le=64)]], Field(min_length=1)]

    @model_validator(mode="after")
    def _paired(self) -> Self:
        if len(self.channels) != len(self.blocks):
            raise ValueError(
                f"channels names {len(self.channels)} stages, and blocks {len(self.blocks)}"
            )
        return self

    @property
    def halvings(self) -> int:
        """How often a picture is halved."""
        return self.stem // 2 + len(self.channels) - 1


class QuantiserConfig(Part):
    """A codebook behind a layer of the audio network.

    layer: from 1. codes: how many. decay: of the moving averages that the codebook is. commitment:
    the weight of the loss that keeps frames near their codes. revive_below: a code that is used
    less often than this share of the mean is dead, and is given a new place.
    """

    layer: Annotated[int, Field(ge=1)]
    codes: Annotated[int, Field(ge=2, le=1 << 16)]
    decay: Annotated[float, Field(ge=0, lt=1)]
    commitment: Annotated[float, Field(ge=0)]
    revive_below: Annotated[float, Field(ge=0, lt=1)]


class ContextConfig(Part):
    """A second head of both branches, which hears and sees what is around (context.py).

    audio_layer: of the audio branch, from 1, that it hears; what it sees is the picture branch's
    answer. embedding: its channels of both outputs. channels: of its layers. audio_blocks,
    image_blocks: how many convolutions, of which each reaches twice as far as the one before.
    audio_width: of those over time, in frames of the output. least_frames: utterances with fewer
    frames of the output have no context.
    """

    audio_layer: Annotated[int, Field(ge=1)]
    least_frames: Annotated[int, Field(ge=1)]
    embedding: Width
    channels: Width
    audio_blocks: Annotated[int, Field(ge=1, le=8)]
    audio_width: Width
    image_blocks: Annotated[int, Field(ge=1, le=6)]

    @model_validator(mode="after")
    def _centred(self) -> Self:
        if self.audio_width % 2 == 0:
            raise ValueError(f"audio_width {self.audio_width} is even; it needs a middle frame")
        return self


class RunningWindow(Part):
    """The window over which speech is normalised: so much before a frame, and so much behind it."""

    past_seconds: Annotated[float, Field(gt=0, le=60)]
    future_seconds: Annotated[float, Field(ge=0, le=60)]

    def frames(self, hop_ms: float) -> tuple[int, int]:
        """Both in frames."""
        past, future = (
            round(1000 * seconds / hop_ms) for seconds in (self.past_seconds, self.future_seconds)
        )
        return past, future


def digest(davenet: dict[str, Any]) -> str:
    """SHA-256 of a `davenet` section, to tell whether two trainings had the same parameters."""
    return hashlib.sha256(json.dumps(davenet, sort_keys=True).encode()).hexdigest()


def without_training_parameters(old: dict[str, Any]) -> dict[str, Any]:
    """Format 1 (version 0.1.0) had all of `davenet` in params.yaml, and of the features the bands.

    So the other numbers of the features are unknown.
    """
    davenet = dict(old["davenet"])
    origin = {
        "mining": old["mining"],
        "stage": old["stage"],
        "davenet_parameters": digest(davenet),
    }
    kept = EncoderConfig.model_fields.keys() & davenet.keys()
    network = {name: davenet[name] for name in kept}
    return {**network, "bands": old["bands"], "features": None, "origin": origin}


def with_first_normalisation(old: dict[str, Any]) -> dict[str, Any]:
    """Formats 1 and 2 were of encoders whose features came normalised."""
    features = old["features"] and {**old["features"], "normalisation": FIRST_NORMALISATION}
    return {**old, "features": features, "running_norm": None}


def of_davenet(old: dict[str, Any]) -> dict[str, Any]:
    """Formats 1 to 3 knew one audio network, and no codebooks."""
    others: dict[str, Any] = {"audio_stages": None, "image_stages": None, "quantisers": []}
    return {**old, "audio_network": "davenet", **others}


def without_context(old: dict[str, Any]) -> dict[str, Any]:
    """Formats 1 to 4 had one head."""
    return {**old, "context": None}


def of_one_network(old: dict[str, Any]) -> dict[str, Any]:
    """Formats 1 to 5 had one audio network, which heard whatever it was given."""
    return {**old, "languages": []}


def with_first_context(old: dict[str, Any]) -> dict[str, Any]:
    """In formats 1 to 6 a head of context heard the last layer of the audio branch, always."""
    if old["context"] is None:
        return old
    if old["audio_network"] == "resdavenet":
        last = len(old["audio_stages"]["channels"]) + 1
    else:
        last = len(old["audio_layers"]) + old["extra_audio_layers"]
    return {**old, "context": {**old["context"], "audio_layer": last, "least_frames": 1}}


def quantiser_of(named: dict[str, Any], codebooks: dict[str, Any]) -> QuantiserConfig:
    """Of an entry of `quantisers` and the section `codebooks` of params.yaml."""
    return QuantiserConfig(layer=named["layer"], codes=named["codes"], **codebooks)


class EncoderConfig(Config):
    """The networks of both encoders, the features that they hear, and the score they learned by.

    image_network: `vgg16`; `small`, which has a convolution for each of `image_channels`; or
    `resnet`, which `image_stages` describes.
    image_size: pixels; pictures are scaled to it. audio_network: `davenet`, of `audio_layers`, or
    `resdavenet`, of `audio_stages`. extra_audio_layers: how often the last layer of `davenet` is
    repeated. languages: those that have an audio network of their own, each as described here;
    none: there is one, for all. quantisers: by layer. embedding: D, the channels of both outputs.
    context: of a second head; None of encoders without one. similarity: how a matchmap becomes a
    score (P §5.1). bands: of the features. features: how they are made of sound; None of encoders
    that version 0.1.0 saved. running_norm: of encoders that normalise speech themselves, since
    their features are not (`normalisation: running`). origin: for information, what trained them,
    and by HEADS what trained heads of context afterwards.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (
        without_training_parameters,
        with_first_normalisation,
        of_davenet,
        without_context,
        of_one_network,
        with_first_context,
    )

    image_network: Literal["vgg16", "small", "resnet"]
    image_stages: ImageStages | None
    image_channels: Annotated[list[Width], Field(min_length=1)]
    image_size: Annotated[int, Field(ge=8, le=1 << 12)]
    languages: list[str]
    audio_network: Literal["davenet", "resdavenet"]
    audio_layers: Annotated[list[AudioLayer], Field(min_length=2)]
    audio_stages: AudioStages | None
    quantisers: list[QuantiserConfig]
    audio_norm: Literal["none", "batch"]
    extra_audio_layers: Annotated[int, Field(ge=0, le=16)]
    embedding: Width
    context: ContextConfig | None
    similarity: Literal["SISA", "MISA", "SIMA"]
    bands: Bands
    features: FeatureConfig | None
    running_norm: RunningWindow | None
    origin: dict[str, str]

    @classmethod
    def of(cls, davenet: BaseModel, features: FeatureConfig, **origin: str) -> Self:
        """Of encoders that are trained with this section of params.yaml, on such features."""
        origin["davenet_parameters"] = digest(davenet.model_dump())
        section = davenet.model_dump()
        others: dict[str, Any] = {
            "quantisers": [quantiser_of(one, section["codebooks"]) for one in section["quantisers"]]
        }
        if features.normalisation != "running":
            others["running_norm"] = None
        if section["audio_network"] != "resdavenet":
            others["audio_stages"] = None
        if section["image_network"] != "resnet":
            others["image_stages"] = None
        return cls.taken_from(
            davenet, bands=features.bands, features=features, origin=origin, **others
        )

    def hears(self, features: FeatureConfig) -> bool:
        """Whether speech with these features sounds to the encoders as in their training.

        Of encoders whose own features are unknown, only the number of bands can be compared.
        """
        if self.features is None:
            return self.bands == features.bands
        return self.features.same_frames(features)

    @property
    def audio_layer_count(self) -> int:
        """How many layers the audio network has."""
        if self.audio_stages is not None:
            return 1 + len(self.audio_stages.channels)
        return len(self.audio_layers) + self.extra_audio_layers

    @property
    def image_halvings(self) -> int:
        """How often a picture is halved."""
        if self.image_stages is not None:
            return self.image_stages.halvings
        vgg16 = self.image_network == "vgg16"
        return VGG16_HALVINGS if vgg16 else len(self.image_channels) - 1

    @property
    def running_frames(self) -> tuple[int, int] | None:
        """The window of `running_norm` in frames, before and behind; None where there is none."""
        if self.running_norm is None or self.features is None:
            return None
        return self.running_norm.frames(self.features.hop_ms)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        residual = self.image_network == "resnet", self.audio_network == "resdavenet"
        if residual != (self.image_stages is not None, self.audio_stages is not None):
            raise ValueError(
                "image_stages belongs to resnet and audio_stages to resdavenet, and only to them"
            )
        known = self.audio_layer_count
        if beyond := [one.layer for one in self.quantisers if one.layer > known]:
            raise ValueError(f"quantisers names layer {beyond[0]}, and there are {known}")
        if self.context is not None and self.context.audio_layer > known:
            asked = self.context.audio_layer
            raise ValueError(f"context.audio_layer is {asked}, and there are {known}")
        halvings = self.image_halvings
        if self.image_size < 2**halvings:
            raise ValueError(f"image_size {self.image_size} cannot be halved {halvings} times")
        if self.features and self.features.bands != self.bands:
            raise ValueError(f"bands {self.bands} differs from features.bands")
        running = self.features is not None and self.features.normalisation == "running"
        if running != (self.running_norm is not None):
            raise ValueError(
                "running_norm belongs to features whose normalisation is running, and only to them"
            )
        return self
