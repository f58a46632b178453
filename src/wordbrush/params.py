"""Typed, bounded parameters: one class a section of params.yaml. No defaults: a number stands in params.yaml alone."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from wordbrush.runtime.errors import WordbrushError

Mining = Literal["random", "semi-hard", "hard"]
Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Beta = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """Base of every section: unknown names are refused, types are strict, values are frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Scenes(Section):
    source: Literal["render", "clevr"]
    clevr_path: str | None
    count: Count
    min_objects: Annotated[int, Field(ge=1, le=10)]
    max_objects: Annotated[int, Field(ge=1, le=10)]
    resolution: Literal[16, 32, 64, 128, 256]
    samples_per_pixel: Annotated[int, Field(ge=1, le=4096)]
    extent: Annotated[float, Field(gt=0, le=3)]
    field_of_view: Annotated[float, Field(gt=1, lt=120)]
    min_distance: NonNegative
    min_margin: NonNegative
    camera_jitter: NonNegative
    light_jitter: NonNegative
    min_visible_share: Share
    real_pairs: Count

    @model_validator(mode="after")
    def _consistent(self) -> "Scenes":
        if self.min_objects > self.max_objects:
            raise ValueError(f"min_objects {self.min_objects} is more than max_objects {self.max_objects}")
        if self.source == "clevr" and not self.clevr_path:
            raise ValueError("source: clevr needs clevr_path, the folder of CLEVR v1.0")
        return self


class Gan(Section):
    latent_dim: Count
    channels: dict[int, Count]
    batch_sizes: dict[int, Annotated[int, Field(ge=2)]]
    stable_kimg: dict[int, NonNegative]
    fade_kimg: dict[int, NonNegative]
    learning_rate: Positive
    adam_beta1: Beta
    adam_beta2: Beta
    adam_epsilon: Positive
    ema_decay: Beta
    loss: Literal["wgan-gp", "logistic-r1"]
    penalty_weight: NonNegative
    penalty_every: Count
    drift_weight: NonNegative
    stddev_group: Count
    augment_shift: Annotated[float, Field(ge=0, le=0.5)]
    augment_flip: bool
    grids: Annotated[int, Field(ge=2, le=100)]
    swd_images: Annotated[int, Field(ge=16)]


class Segmenter(Section):
    channels: Annotated[list[Count], Field(min_length=2, max_length=6)]
    steps: Count
    batch_size: Count
    learning_rate: Positive
    held_out: Share
    noise: NonNegative
    min_confidence: Share


class Samples(Section):
    train: Annotated[int, Field(ge=2)]
    validation: Annotated[int, Field(ge=2)]
    test: Annotated[int, Field(ge=2)]
    semantic: Annotated[int, Field(ge=2)]


class Captions(Section):
    voices: Annotated[list[str], Field(min_length=1)]
    held_out_voices: Annotated[list[str], Field(min_length=1)]
    rates: Annotated[list[Annotated[int, Field(ge=80, le=450)]], Field(min_length=1)]
    pitches: Annotated[list[Annotated[int, Field(ge=0, le=99)]], Field(min_length=1)]
    bands: Annotated[int, Field(ge=8, le=128)]
    window_ms: Positive
    hop_ms: Positive
    low_hz: NonNegative
    pre_emphasis: Annotated[float, Field(ge=0, lt=1)]
    range_db: Positive
    max_frames: Count
    silence_ms: NonNegative
    rows_per_shard: Count
    lines_per_process: Count


class AudioLayer(Section):
    channels: Count
    width: Count
    pool: bool


class Training(Section):
    """One DAVEnet stage."""

    steps: Count
    learning_rate: Positive
    warmup_steps: Natural
    edit_weight: NonNegative


class Davenet(Section):
    image_network: Literal["vgg16", "small"]
    image_channels: Annotated[list[Count], Field(min_length=1)]
    image_size: Annotated[int, Field(ge=8)]
    audio_layers: Annotated[list[AudioLayer], Field(min_length=2)]
    audio_norm: Literal["none", "batch"]
    extra_audio_layers: Annotated[int, Field(ge=0, le=3)]
    embedding: Count
    similarity: Literal["SISA", "MISA", "SIMA"]
    loss: Literal["margin", "softmax"]
    margin: Positive
    temperature: Positive
    optimiser: Literal["sgd", "adam"]
    momentum: Beta
    decay: Literal["steps", "cosine"]
    decay_factor: Annotated[float, Field(gt=0, le=1)]
    decay_steps: Count
    batch_size: Annotated[int, Field(ge=2)]
    crop_share: Share
    crop_min_seconds: Positive
    crop_max_seconds: Positive
    log_every: Count


class Schedule(Section):
    """The three DAVEnet stages, one after another."""

    pretrain: Training
    random_edits: Training
    targeted_edits: Training


class Edits(Section):
    probability: Annotated[float, Field(gt=0, le=1)]
    probability_step: Annotated[float, Field(gt=0, le=1)]
    min_change: NonNegative
    radius: Natural
    units_per_cluster: Count


class Clusters(Section):
    top_share: Annotated[float, Field(gt=0, lt=1)]
    count: Annotated[int, Field(ge=2)]
    linkage: Literal["single", "complete", "average", "weighted"]
    agreement_samples: Count
    unit_top_share: Annotated[float, Field(gt=0, lt=1)]
    examples: Annotated[int, Field(ge=1, le=100)]


class Evaluation(Section):
    semantic_pairs: Count
    edit_samples: Count
    bootstrap: Annotated[int, Field(ge=10)]
    examples: Annotated[int, Field(ge=1, le=100)]


class Checkpoints(Section):
    minutes: Annotated[float, Field(ge=0)]


class Promotion(Section):
    margin: NonNegative


class Params(Section):
    """All of params.yaml."""

    seed: Annotated[int, Field(ge=0, lt=2**31)]
    scenes: Scenes
    gan: Gan
    segmenter: Segmenter
    samples: Samples
    captions: Captions
    davenet: Davenet
    schedule: Schedule
    edits: Edits
    clusters: Clusters
    evaluation: Evaluation
    promotion: Promotion
    checkpoints: Checkpoints

    @model_validator(mode="after")
    def _levels(self) -> "Params":
        levels = [4 * 2**i for i in range((self.scenes.resolution // 4).bit_length())]
        for name in ("channels", "batch_sizes", "stable_kimg", "fade_kimg"):
            given = sorted(getattr(self.gan, name))
            if not set(levels) <= set(given):
                raise ValueError(f"gan.{name} names the resolutions {given}, but scenes.resolution "
                                 f"{self.scenes.resolution} needs {levels}")
        return self


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file as plain data; a missing or broken one is a WordbrushError with its line."""
    try:
        data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WordbrushError(f"{path} is missing. Run from the project's folder.") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark else ""
        raise WordbrushError(f"{path}{where} is not valid YAML: {getattr(error, 'problem', error)}.") from None
    if not isinstance(data, dict):
        raise WordbrushError(f"{path} must hold a mapping of sections, not {type(data).__name__}.")
    return data


def parse(data: dict[str, Any], origin: str) -> Params:
    """Validate plain data; every fault is named with file, field, value and what is allowed."""
    try:
        return Params.model_validate(data)
    except ValidationError as error:
        faults = [_fault(fault) for fault in error.errors()]
        raise WordbrushError(f"{origin}: " + "; ".join(faults)) from None


def load(path: Path) -> Params:
    """Read and validate a parameter file."""
    return parse(read_yaml(path), str(path))


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it; a field that `base` lacks is kept, for validation to refuse."""
    merged = dict(base)
    for name, value in changes.items():
        old = merged.get(name)
        merged[name] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _fault(fault: Any) -> str:
    field = ".".join(str(part) for part in fault["loc"]) or "file"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "missing":
        return f"{field} is missing"
    if fault["type"] == "extra_forbidden":
        return f"{field} = {fault['input']!r} is unknown; remove it or correct its name"
    if fault["type"] == "value_error":
        return f"{field}: {message}" if fault["loc"] else message
    return f"{field} = {fault['input']!r}: {message[0].lower()}{message[1:]}"
