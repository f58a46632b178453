"""Typed, bounded parameters: one class for each section of params.yaml.

There are no defaults here: every number is in params.yaml, and only there.
"""

from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from wordbrush.errors import WordbrushError
from wordbrush.storage.paths import given_path
from wordbrush.storage.validation import Count, Natural, validated
from wordbrush.storage.yaml import read_yaml

Mining = Literal["random", "semi-hard", "hard"]
MININGS: tuple[Mining, ...] = ("random", "hard")  # those of the six methods; dvc.yaml's matrix
Graph = Literal["drawn", "recorded", "redrawn"]  # of dvc.yaml (versioning.graph)
GRAPHS: tuple[Graph, ...] = ("drawn", "recorded", "redrawn")
Similarity = Literal["SISA", "MISA", "SIMA"]
Resolution = Literal[16, 32, 64, 128, 256]
Bands = Annotated[int, Field(ge=8, le=128)]
Width = Annotated[int, Field(ge=1, le=1 << 16)]  # of a layer
SegmenterChannels = Annotated[list[Width], Field(min_length=2, max_length=6)]
Batch = Annotated[int, Field(ge=2, le=1 << 16)]
Positive = Annotated[float, Field(gt=0, le=1e6)]
NonNegative = Annotated[float, Field(ge=0, le=1e6)]
Share = Annotated[float, Field(ge=0, le=1)]
Beta = Annotated[float, Field(ge=0, lt=1)]
ESPEAK = "espeak-ng"  # the engine of voices whose names have no slash
LARGEST_RANGE_DB = 120.0  # of sound that is recorded with 20 bits
RECORDINGS = "recordings"  # the engine whose voices are people: recordings/anna
GROUPS = {  # of voices, as results name them, with their fields
    "training": "voices",
    "held_out": "held_out_voices",
    "validation": "validation_voices",
    "test": "test_voices",
}
OF_OTHER_ENGINES = ("validation_voices", "test_voices")  # than all other groups
RATES, PITCHES = range(80, 451), range(100)  # espeak-ng's (speak_lib.h); it clamps what is beyond
Rate = Annotated[int, Field(ge=RATES[0], le=RATES[-1])]
Language = Annotated[str, Field(pattern="^[a-z]{2,3}$")]  # ISO 639, as espeak-ng names them
Pitch = Annotated[int, Field(ge=PITCHES[0], le=PITCHES[-1])]


def _given(text: str) -> str:
    """A path as `given_path` reads it; pydantic names the field of a ValueError."""
    try:
        return str(given_path(text))
    except WordbrushError as error:
        raise ValueError(str(error)) from None


GivenPath = Annotated[str, AfterValidator(_given)]


def _plain(text: str) -> str:
    """A path that DVC, which puts it into dvc.yaml, reads as `given_path` does."""
    if _given(text) != text or any(one in text for one in "${}"):
        raise ValueError(f"{text!r} must be a plain path, without ~, //, $ and braces")
    return text


PlainPath = Annotated[str, AfterValidator(_plain)]


LayoutEdit = Literal["exchange", "move", "mirror", "turn"]  # of who stands where, not of units
Against = Literal["caption", "batch"]  # whose impostors edited pictures are
LAYOUTS: tuple[str, ...] = get_args(LayoutEdit)


class Section(BaseModel):
    """Base of every section: unknown names are refused, types are strict, values are frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Scenes(Section):
    source: Literal["render", "clevr"]
    clevr_path: GivenPath | None
    count: Count
    min_objects: Annotated[int, Field(ge=1, le=10)]
    max_objects: Annotated[int, Field(ge=1, le=10)]
    resolution: Resolution
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
            raise ValueError(
                f"min_objects {self.min_objects} is more than max_objects {self.max_objects}"
            )
        if self.max_objects * self.min_visible_share > 1:
            raise ValueError(
                f"{self.max_objects} objects (max_objects) cannot each show "
                f"{self.min_visible_share} of a picture (min_visible_share)"
            )
        if self.source == "clevr" and not self.clevr_path:
            raise ValueError("source: clevr needs clevr_path, the folder of CLEVR v1.0")
        return self


class Gan(Section):
    latent_dim: Width
    channels: dict[int, Width]
    batch_sizes: dict[int, Batch]
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


class PairsHeard(Section):
    unheard_languages: list[Annotated[str, Field(min_length=1)]]
    unheard_share: Annotated[float, Field(ge=0, lt=1)]
    shuffle: bool

    @property
    def used(self) -> bool:
        return bool(self.unheard_languages or self.unheard_share or self.shuffle)


class Segmenter(Section):
    channels: SegmenterChannels
    steps: Count
    batch_size: Batch
    learning_rate: Positive
    held_out: Share
    noise: NonNegative
    min_confidence: Share


class Latents(Section):
    candidates: Count
    steps: Natural
    learning_rate: Positive


class Samples(Section):
    source: Literal["generator", "renderer"]
    min_certainty: Share
    train: Annotated[int, Field(ge=2)]
    validation: Annotated[int, Field(ge=2)]
    test: Annotated[int, Field(ge=2)]
    semantic: Annotated[int, Field(ge=2)]


class Captions(Section):
    languages: Annotated[list[Language], Field(min_length=1)]
    shared: bool
    voices: Annotated[list[str], Field(min_length=1)]
    held_out_voices: Annotated[list[str], Field(min_length=1)]
    engine_shares: dict[str, Annotated[float, Field(gt=0, le=1)]]
    validation_voices: list[str]
    test_voices: list[str]
    captions_per_engine: Count
    recordings: GivenPath | None
    rates: Annotated[list[Rate], Field(min_length=1)]
    pitches: Annotated[list[Pitch], Field(min_length=1)]
    pauses: Share
    bands: Bands
    window_ms: Annotated[float, Field(ge=1, le=1000)]
    hop_ms: Annotated[float, Field(ge=1, le=1000)]
    low_hz: Annotated[float, Field(ge=0, lt=8000)]  # half of 16 kHz
    pre_emphasis: Annotated[float, Field(ge=0, lt=1)]
    normalisation: Literal["utterance", "running"]
    range_db: Positive
    max_frames: Count
    silence_ms: Annotated[float, Field(ge=0, le=10_000)]
    rows_per_shard: Count
    lines_per_process: Count

    @model_validator(mode="after")
    def _spoken(self) -> "Captions":
        if twice := [one for one in set(self.languages) if self.languages.count(one) > 1]:
            raise ValueError(f"languages names {twice[0]} more than once")
        return self

    @model_validator(mode="after")
    def _apart(self) -> "Captions":
        for field in OF_OTHER_ENGINES:
            voices = getattr(self, field)
            if twice := [voice for voice in dict.fromkeys(voices) if voices.count(voice) > 1]:
                raise ValueError(f"{field} names {', '.join(twice)} more than once")
        for first, second in combinations(GROUPS.values(), 2):
            voices, others = getattr(self, first), getattr(self, second)
            if both := [voice for voice in others if voice in voices]:
                raise ValueError(
                    f"{second} names {', '.join(both)}, which {first} has too: the tests must hear "
                    "other voices than the training, and each group voices of its own"
                )
            shared = set(map(source_of_voice, voices)) & set(map(source_of_voice, others))
            if shared and second in OF_OTHER_ENGINES:
                raise ValueError(
                    f"{second} names voices of {', '.join(sorted(shared))}, and so does {first}: "
                    f"an engine of {second} may be in no other list"
                )
        return self

    @model_validator(mode="after")
    def _recorded(self) -> "Captions":
        named = [voice for field in GROUPS.values() for voice in getattr(self, field)]
        people = [voice for voice in named if engine_of_voice(voice) == RECORDINGS]
        if people and self.recordings is None:
            raise ValueError(
                f"{', '.join(people)}: recordings must name the folder with their manifest "
                "(docs/speech.md)"
            )
        return self

    @property
    def groups(self) -> dict[str, list[str]]:
        """The voices of each group that evaluation compares; none where no other engines do."""
        if not (self.validation_voices or self.test_voices):
            return {}
        named = {group: getattr(self, field) for group, field in GROUPS.items()}
        return {group: voices for group, voices in named.items() if voices}

    @property
    def voice_shares(self) -> list[float] | None:
        """How often each voice is drawn; None: all alike. Voices of an engine share its share."""
        if not self.engine_shares:
            return None
        engines = [engine_of_voice(voice) for voice in self.voices]
        return [self.engine_shares[engine] / engines.count(engine) for engine in engines]

    @model_validator(mode="after")
    def _within_hearing(self) -> "Captions":
        if self.normalisation == "running" and self.range_db > LARGEST_RANGE_DB:
            raise ValueError(
                f"range_db {self.range_db:g} below full scale (normalisation: running) is more "
                f"than any sound has: set {LARGEST_RANGE_DB:g} or less"
            )
        return self

    @model_validator(mode="after")
    def _shared_out(self) -> "Captions":
        shares, speaking = self.engine_shares, set(map(engine_of_voice, self.voices))
        if shares and set(shares) != speaking:
            raise ValueError(
                f"engine_shares names {', '.join(sorted(shares))}, and the engines of voices are "
                f"{', '.join(sorted(speaking))}: give each a share, or leave it empty: {{}}"
            )
        if shares and abs(sum(shares.values()) - 1) > 1e-6:
            raise ValueError(f"engine_shares add up to {sum(shares.values()):g}, and must to 1")
        return self


def engine_of_voice(name: str) -> str:
    """flite/slt -> flite, en-us+f2 -> espeak-ng."""
    engine, slash, _ = name.partition("/")
    return engine if slash else ESPEAK


def source_of_voice(name: str) -> str:
    """What two voices must not share to be of different engines: of people, each is one alone."""
    engine = engine_of_voice(name)
    return name if engine == RECORDINGS else engine


class AudioLayer(Section):
    channels: Width
    width: Width
    pool: bool

    @model_validator(mode="after")
    def _centred(self) -> "AudioLayer":
        if self.width % 2 == 0:
            raise ValueError(
                f"width {self.width} is even; a convolution that keeps the number of frames needs "
                "an odd width"
            )
        return self


class RunningNorm(Section):
    """The window over which encoders normalise speech, where captions.normalisation is running."""

    past_seconds: Annotated[float, Field(gt=0, le=60)]
    future_seconds: Annotated[float, Field(ge=0, le=60)]


class Augmentation(Section):
    """How speech is varied while DAVEnet trains; what is 0 is off."""

    tempo: Share
    vocal_tract: Annotated[float, Field(ge=0, le=0.5)]
    formants: Share
    harmonics_db: Annotated[float, Field(ge=0, le=20)]
    rooms: Share
    reverberation_seconds: Annotated[float, Field(ge=0.1, le=5)]
    noise: Share
    noise_snr_db: Annotated[float, Field(ge=-20, le=30)]
    equaliser_db: Annotated[float, Field(ge=0, le=30)]
    tilt_db: Annotated[float, Field(ge=0, le=30)]
    telephone: Share
    level_db: Annotated[float, Field(ge=0, le=40)]
    compression: Share
    clipping_db: Annotated[float, Field(ge=0, le=30)]
    time_masks: Annotated[int, Field(ge=0, le=16)]
    time_mask_seconds: Annotated[float, Field(gt=0, le=1)]
    band_masks: Annotated[int, Field(ge=0, le=16)]
    band_mask_width: Annotated[int, Field(ge=1, le=128)]

    @property
    def used(self) -> list[str]:
        """What is not off; the other fields say how, and change nothing alone."""
        details = {"reverberation_seconds", "noise_snr_db", "time_mask_seconds", "band_mask_width"}
        return [name for name, value in self if value and name not in details]


class Training(Section):
    """One DAVEnet stage."""

    steps: Count
    learning_rate: Positive
    warmup_steps: Natural
    ramp_steps: Natural
    edit_weight: NonNegative
    edit_every: Count


class Pretraining(Training):
    """The first DAVEnet stage, which may end with steps of the audio branch alone, and then of the
    heads of context alone."""

    locked_steps: Natural
    context_steps: Natural


class AudioStages(Section):
    channels: Annotated[list[Width], Field(min_length=1, max_length=8)]
    blocks: Annotated[int, Field(ge=1, le=16)]
    width: Width

    @model_validator(mode="after")
    def _centred(self) -> "AudioStages":
        if self.width % 2 == 0:
            raise ValueError(f"width {self.width} is even; residual blocks need an odd width")
        return self


class ImageStages(Section):
    stem: Literal[1, 4]
    channels: Annotated[list[Width], Field(min_length=1, max_length=8)]
    blocks: Annotated[list[Annotated[int, Field(ge=1, le=64)]], Field(min_length=1)]

    @model_validator(mode="after")
    def _paired(self) -> "ImageStages":
        if len(self.channels) != len(self.blocks):
            raise ValueError(
                f"channels names {len(self.channels)} stages, and blocks {len(self.blocks)}: each "
                "stage needs both"
            )
        return self


class Quantiser(Section):
    """A codebook behind a layer of the audio network, on from a step of pretraining on."""

    layer: Count
    codes: Annotated[int, Field(ge=2, le=1 << 16)]
    from_step: Natural


class Codebooks(Section):
    """How all codebooks learn."""

    decay: Beta
    commitment: NonNegative
    revive_below: Annotated[float, Field(ge=0, lt=1)]


class Context(Section):
    """The heads that hear and see what is around."""

    audio_layer: Annotated[int, Field(ge=1)]
    least_frames: Annotated[int, Field(ge=1)]
    embedding: Width
    channels: Width
    audio_blocks: Annotated[int, Field(ge=1, le=8)]
    audio_width: Width
    image_blocks: Annotated[int, Field(ge=1, le=6)]

    @model_validator(mode="after")
    def _centred(self) -> "Context":
        if self.audio_width % 2 == 0:
            raise ValueError(f"audio_width {self.audio_width} is even; it needs a middle frame")
        return self


class ImageWeights(Section):
    """A safetensors file that the picture branch starts from."""

    file: GivenPath | None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None


class Davenet(Section):
    image_network: Literal["vgg16", "small", "resnet"]
    image_stages: ImageStages
    image_weights: ImageWeights
    image_channels: Annotated[list[Width], Field(min_length=1)]
    image_size: Annotated[int, Field(ge=8, le=1 << 12)]
    image_side: Annotated[int, Field(ge=8, le=1 << 12)] | None
    image_flip: bool
    languages: list[Annotated[str, Field(min_length=1)]]
    language_weight: NonNegative
    audio_network: Literal["davenet", "resdavenet"]
    audio_layers: Annotated[list[AudioLayer], Field(min_length=2)]
    audio_stages: AudioStages
    quantisers: list[Quantiser]
    codebooks: Codebooks
    audio_norm: Literal["none", "batch"]
    extra_audio_layers: Annotated[int, Field(ge=0, le=3)]
    running_norm: RunningNorm
    augmentation: Augmentation
    embedding: Width
    context: Context | None
    similarity: Similarity
    loss: Literal["margin", "softmax"]
    margin: Positive
    temperature: Positive
    optimiser: Literal["sgd", "adam"]
    momentum: Beta
    decay: Literal["steps", "cosine"]
    decay_factor: Annotated[float, Field(gt=0, le=1)]
    decay_steps: Count
    batch_size: Batch
    length_pool: Count
    crop_share: Share
    crop_min_seconds: Positive
    crop_max_seconds: Positive
    log_every: Count

    @model_validator(mode="after")
    def _consistent(self) -> "Davenet":
        vgg16 = self.image_network == "vgg16"
        halvings = 4 if vgg16 else len(self.image_channels) - 1
        if self.image_network == "resnet":
            halvings = self.image_stages.stem // 2 + len(self.image_stages.channels) - 1
        if self.image_size < 2**halvings:
            raise ValueError(
                f"image_size {self.image_size} is halved {halvings} times by the image network, "
                f"and must be "
                f"{2**halvings} or more"
            )
        if self.image_weights.file is not None and self.image_network == "small":
            raise ValueError(
                f"image_weights.file is {self.image_weights.file}, and image_network "
                f"{self.image_network}: weights of others are of vgg16 or resnet"
            )
        if self.image_side is not None and self.image_side < self.image_size:
            raise ValueError(
                f"image_side {self.image_side} is less than image_size {self.image_size}, of which "
                "crops are"
            )
        if self.crop_min_seconds > self.crop_max_seconds:
            raise ValueError(
                f"crop_min_seconds {self.crop_min_seconds} is more than crop_max_seconds "
                f"{self.crop_max_seconds}"
            )
        return self

    @model_validator(mode="after")
    def _heard(self) -> "Davenet":
        languages, count = self.languages, len(self.languages)
        if twice := [one for one in dict.fromkeys(languages) if languages.count(one) > 1]:
            raise ValueError(f"languages names {twice[0]} more than once")
        if count and self.batch_size % count:
            raise ValueError(
                f"batch_size {self.batch_size} cannot be divided among {count} languages: choose a "
                "multiple"
            )
        if self.language_weight and count < 2:
            raise ValueError(
                f"language_weight {self.language_weight} weighs captions of two languages against "
                f"each other, and languages names {count}: name two, or set it to 0"
            )
        return self

    @property
    def audio_layer_count(self) -> int:
        """How many layers the audio network has."""
        if self.audio_network == "resdavenet":
            return 1 + len(self.audio_stages.channels)
        return len(self.audio_layers) + self.extra_audio_layers

    @model_validator(mode="after")
    def _residual(self) -> "Davenet":
        if self.audio_network == "resdavenet" and self.extra_audio_layers:
            raise ValueError(
                f"extra_audio_layers is {self.extra_audio_layers}, and audio_network resdavenet: "
                "extra layers are of davenet; set 0"
            )
        return self

    @model_validator(mode="after")
    def _quantised(self) -> "Davenet":
        layers = [one.layer for one in self.quantisers]
        if twice := [layer for layer in dict.fromkeys(layers) if layers.count(layer) > 1]:
            raise ValueError(f"quantisers names layer {twice[0]} more than once")
        if beyond := [layer for layer in layers if layer > self.audio_layer_count]:
            raise ValueError(
                f"quantisers names layer {beyond[0]}, and the audio network {self.audio_network} "
                f"has layers 1 to {self.audio_layer_count}"
            )
        return self

    @model_validator(mode="after")
    def _heard_in_context(self) -> "Davenet":
        if self.context and self.context.audio_layer > self.audio_layer_count:
            raise ValueError(
                f"context.audio_layer is {self.context.audio_layer}, and the audio network "
                f"{self.audio_network} has layers 1 to {self.audio_layer_count}"
            )
        return self


class Schedule(Section):
    """The three DAVEnet stages, one after another."""

    pretrain: Pretraining
    random_edits: Training
    targeted_edits: Training


class Edits(Section):
    operation: Literal["ablate", "transplant"] | LayoutEdit
    against: Against
    resolution: Literal[4, 8, 16, 32, 64, 128, 256]
    probability: Annotated[float, Field(gt=0, le=1)]
    probability_step: Annotated[float, Field(ge=0.001, le=1)]  # a thousand steps at most
    min_change: NonNegative
    radius: Natural
    outline: Positive
    units_per_cluster: Count

    @property
    def of_layouts(self) -> bool:
        """Whether edits change who stands where, and not what is drawn."""
        return self.operation in LAYOUTS


class Twins(Section):
    """Drawings with captions that stand in a batch beside drawings of the training."""

    kind: Literal["none", "edited", "plain"]
    drawings: Count
    each: Annotated[int, Field(ge=1, le=64)]
    tries: Annotated[int, Field(ge=1, le=64)]
    min_certainty: Share
    pairs_a_batch: Count
    weight: NonNegative

    @property
    def used(self) -> bool:
        return self.kind != "none"


class Senses(Section):
    """Three senses that share their upper layers."""

    loss: Literal["none", "transfer", "ranking", "both"]
    sound: Literal["speech", "impacts"]
    picture_channels: Annotated[list[Width], Field(min_length=1, max_length=6)]
    sound_channels: Annotated[list[Width], Field(min_length=1, max_length=6)]
    word_width: Width
    width: Width
    margin: Annotated[float, Field(gt=0, le=2)]  # cosines differ by no more
    ranking_weight: Positive
    steps: Count
    batch_size: Batch
    learning_rate: Positive

    @property
    def used(self) -> bool:
        return self.loss != "none"


class Clusters(Section):
    top_share: Annotated[float, Field(gt=0, lt=1)]
    count: Annotated[int, Field(ge=2)]
    linkage: Literal["single", "complete", "average", "weighted"]
    agreement_samples: Count
    unit_top_share: Annotated[float, Field(gt=0, lt=1)]
    examples: Annotated[int, Field(ge=1, le=100)]
    captions: Annotated[int, Field(ge=2)] | None


class Evaluation(Section):
    semantic_pairs: Count
    min_certainty: Share
    edit_samples: Count
    composition_pairs: Annotated[int, Field(ge=0, le=100_000)]
    active_share: Annotated[float, Field(gt=0, lt=1)]
    bootstrap: Annotated[int, Field(ge=10, le=1_000_000)]
    examples: Annotated[int, Field(ge=1, le=100)]


class Checkpoints(Section):
    minutes: Annotated[float, Field(ge=0)]


class Promotion(Section):
    margin: NonNegative


class Params(Section):
    """All of params.yaml."""

    seed: Annotated[int, Field(ge=0, lt=2**31)]
    trial: Annotated[int, Field(ge=0, lt=1000)]
    precision: Literal["auto", "float32", "bfloat16"]
    deterministic: bool
    cuda_graphs: bool
    batch_factor: Annotated[int, Field(ge=1, le=64)]
    collection: PlainPath | None
    redraw: bool
    pairs: PairsHeard
    scenes: Scenes
    gan: Gan
    segmenter: Segmenter
    latents: Latents
    samples: Samples
    captions: Captions
    davenet: Davenet
    schedule: Schedule
    edits: Edits
    twins: Twins
    senses: Senses
    clusters: Clusters
    evaluation: Evaluation
    promotion: Promotion
    checkpoints: Checkpoints

    @property
    def grounding_seed(self) -> int:
        """The seed of the DAVEnet stages, another for each trial."""
        return self.seed + self.trial

    @property
    def told_first(self) -> int:
        """How many drawings for training the first language describes."""
        parts = 1 if self.captions.shared else len(self.captions.languages)
        return -(-self.samples.train // parts)

    @property
    def graph(self) -> Graph:
        """Of dvc.yaml: which stages run."""
        return graph_asked(self.collection, self.redraw)

    @model_validator(mode="after")
    def _redrawn(self) -> "Params":
        if self.redraw and self.collection is None:
            raise ValueError("redraw is true, and collection is null: name one, or set it to false")
        if self.pairs.used and self.collection is None:
            raise ValueError(
                "pairs says which pairs of a collection training hears, and collection is null: "
                "name one, or set unheard_languages: [], unheard_share: 0.0 and shuffle: false"
            )
        drawn, seen = self.scenes.resolution, self.davenet.image_size
        if self.graph == "redrawn" and drawn > seen:
            raise ValueError(
                f"scenes.resolution {drawn}, which the GAN draws, is more than davenet.image_size "
                f"{seen}, which is kept of the collection's pictures"
            )
        return self

    @model_validator(mode="after")
    def _told(self) -> "Params":
        count = len(self.captions.languages)
        if count > 1 and self.collection is not None:
            raise ValueError(
                f"captions.languages names {count} languages, in which drawings are described, and "
                f"the pictures are those of the collection {self.collection}, with their own "
                "captions: name one"
            )
        if not self.captions.shared and self.samples.train < 2 * count:
            raise ValueError(
                f"captions.shared is false, and {count} languages cannot share "
                f"samples.train {self.samples.train} with two drawings or more each"
            )
        return self

    @model_validator(mode="after")
    def _heard(self) -> "Params":
        heard, told = self.davenet.languages, self.captions.languages
        if heard and self.collection is None and heard != told:
            raise ValueError(
                f"davenet.languages names {', '.join(heard)}, and captions.languages "
                f"{', '.join(told)}: name the same in the same order, or none"
            )
        for name in ("random_edits", "targeted_edits"):
            every, count = getattr(self.schedule, name).edit_every, len(heard)
            if count > 1 and every % count != 1 and self.graph != "recorded":
                before = (every - 1) // count * count + 1
                raise ValueError(
                    f"schedule.{name}.edit_every is {every}: captions in {count} languages "
                    "(davenet.languages) take turns in the rows of a batch, and not all would be "
                    f"edited in their turn: choose {before} or {before + count}"
                )
        if len(heard) > 1 and self.collection is not None and self.davenet.quantisers:
            raise ValueError(
                f"davenet.languages names {len(heard)}, each with codebooks of its own, and of a "
                "collection they would be measured as one: set davenet.quantisers to []"
            )
        apart = self.collection is None and not self.captions.shared
        if self.davenet.language_weight and apart:
            raise ValueError(
                "davenet.language_weight weighs captions of one drawing in two languages, and with "
                "captions.shared: false none has both: set it to 0"
            )
        return self

    @model_validator(mode="after")
    def _layouts(self) -> "Params":
        if not self.edits.of_layouts:
            return self
        moves = f"edits.operation {self.edits.operation} moves the objects of drawings"
        if self.graph == "redrawn":
            raise ValueError(
                f"{moves}, and with redraw: true the pictures are people's: choose ablate or "
                "transplant"
            )
        if self.samples.source == "renderer":
            raise ValueError(
                f"{moves}, and with samples.source: renderer there are none: choose ablate"
            )
        if self.scenes.max_objects < 2:
            raise ValueError(f"{moves}, and scenes.max_objects is 1: they have no layout")
        return self

    @model_validator(mode="after")
    def _twinned(self) -> "Params":
        twins = self.twins
        if not twins.used:
            return self
        asked = f"twins.kind {twins.kind} asks for drawings that are described"
        if self.graph != "drawn":
            raise ValueError(f"{asked}, and collection names pictures of people: set it to none")
        if self.samples.source == "renderer":
            raise ValueError(f"{asked}, and with samples.source: renderer there are none")
        if self.captions.languages != ["en"]:
            raise ValueError(f"{asked}, and edits are described in English alone: languages: [en]")
        if all(engine_of_voice(voice) == RECORDINGS for voice in self.captions.voices):
            raise ValueError(
                f"{asked}, and captions.voices names people alone, who have recorded other "
                "captions: add a voice of an engine"
            )
        if twins.drawings > self.samples.train:
            raise ValueError(
                f"twins.drawings {twins.drawings} is more than samples.train {self.samples.train}"
            )
        if twins.drawings < twins.pairs_a_batch:
            raise ValueError(
                f"twins.pairs_a_batch {twins.pairs_a_batch} is more than twins.drawings "
                f"{twins.drawings}"
            )
        batch = min(self.davenet.batch_size, self.samples.train)
        if batch % twins.pairs_a_batch or batch < 3 * twins.pairs_a_batch:
            raise ValueError(
                f"twins.pairs_a_batch {twins.pairs_a_batch} must divide batches of {batch} "
                "(davenet.batch_size, or samples.train if that is less) into three parts or more: "
                "drawings, their twins, and others"
            )
        return self

    @model_validator(mode="after")
    def _sensed(self) -> "Params":
        senses = self.senses
        if not senses.used:
            return self
        if self.graph != "drawn":
            raise ValueError(
                f"senses.loss {senses.loss} asks for pictures that the segmenter reads, and "
                "collection names pictures of people: set it to none"
            )
        count, train = self.told_first, self.samples.train
        if count < 4:
            first = "" if count == train else f", {count} in the first language,"
            least = 4 if self.captions.shared else 3 * len(self.captions.languages) + 1
            raise ValueError(
                f"senses.loss {senses.loss} divides samples.train {train}{first} into pairs with "
                f"text and pairs with sound, and needs two or more of each: set it to {least} or "
                "more"
            )
        halvings = len(senses.picture_channels)
        if self.scenes.resolution < 2**halvings:
            raise ValueError(
                f"senses.picture_channels names {halvings} layers, each of which halves pictures "
                f"of scenes.resolution {self.scenes.resolution}: name fewer"
            )
        return self

    @model_validator(mode="after")
    def _quantised_in_time(self) -> "Params":
        steps = self.schedule.pretrain.steps + self.schedule.pretrain.locked_steps
        for one in self.davenet.quantisers:
            if one.from_step >= steps:
                raise ValueError(
                    f"davenet.quantisers begins behind layer {one.layer} from step "
                    f"{one.from_step} on, and schedule.pretrain has {steps} steps: begin earlier"
                )
        return self

    @model_validator(mode="after")
    def _contextual(self) -> "Params":
        steps = self.schedule.pretrain.context_steps
        if (self.davenet.context is None) != (steps == 0):
            raise ValueError(
                "davenet.context is learned in schedule.pretrain.context_steps, and one of them is "
                "given without the other: set both, or null and 0"
            )
        return self

    @model_validator(mode="after")
    def _levels(self) -> "Params":
        size = self.scenes.resolution
        levels = [4 * 2**i for i in range((size // 4).bit_length())]
        for name in ("channels", "batch_sizes", "stable_kimg", "fade_kimg"):
            given = sorted(getattr(self.gan, name))
            if not set(levels) <= set(given):
                raise ValueError(
                    f"gan.{name} names the resolutions {given}, but scenes.resolution {size} "
                    f"needs {levels}"
                )
        if not self.gan.stable_kimg[size]:
            raise ValueError(
                f"gan.stable_kimg is 0 at {size}, the resolution of the pictures: nothing would be "
                "learned there"
            )
        return self

    @model_validator(mode="after")
    def _measurable(self) -> "Params":
        count, share = self.scenes.count, self.segmenter.held_out
        if not 0 < (kept := round(count * (1 - share))) < count:
            raise ValueError(
                f"segmenter.held_out {share} of scenes.count {count} leaves {kept} scenes to learn "
                f"from and {count - kept} to measure on; both need one or more"
            )
        return self

    @model_validator(mode="after")
    def _audible(self) -> "Params":
        captions, davenet = self.captions, self.davenet
        spoken = captions.max_frames * captions.hop_ms - captions.silence_ms
        if spoken < 1000 * davenet.crop_min_seconds:
            raise ValueError(
                f"captions.max_frames {captions.max_frames} ends every caption after "
                f"{max(0, spoken) / 1000:g} seconds of speech (hop_ms {captions.hop_ms}, "
                f"silence_ms {captions.silence_ms}), which is less than a word "
                f"(davenet.crop_min_seconds {davenet.crop_min_seconds})"
            )
        if not round(1000 * davenet.crop_min_seconds / captions.hop_ms):
            raise ValueError(
                f"davenet.crop_min_seconds {davenet.crop_min_seconds} is shorter than a frame of "
                f"captions.hop_ms {captions.hop_ms}"
            )
        return self

    @model_validator(mode="after")
    def _augmentable(self) -> "Params":
        used, captions = self.davenet.augmentation.used, self.captions
        if used and captions.normalisation != "running":
            raise ValueError(
                f"davenet.augmentation varies speech ({', '.join(used)}), which needs "
                f"captions.normalisation: running; it is {captions.normalisation}, whose features "
                "do not tell how loud anything was. Set it to running, or all of "
                "davenet.augmentation to 0"
            )
        if self.davenet.augmentation.band_mask_width > captions.bands:
            raise ValueError(
                f"davenet.augmentation.band_mask_width {self.davenet.augmentation.band_mask_width} "
                f"is more than the {captions.bands} bands of captions.bands"
            )
        return self

    @model_validator(mode="after")
    def _fitting(self) -> "Params":
        scales = len(self.segmenter.channels)
        if self.scenes.resolution % 2 ** (scales - 1):
            raise ValueError(
                f"segmenter.channels has {scales} scales, but scenes.resolution "
                f"{self.scenes.resolution} cannot be "
                "halved so often"
            )
        edits = self.edits
        if edits.resolution > self.scenes.resolution:
            raise ValueError(
                f"edits.resolution {edits.resolution} is more than scenes.resolution "
                f"{self.scenes.resolution}"
            )
        units = self.gan.channels[edits.resolution]
        if edits.units_per_cluster > units and not edits.of_layouts:
            raise ValueError(
                f"edits.units_per_cluster {edits.units_per_cluster} is more than the {units} "
                f"units of the "
                f"layer that is edited, gan.channels[{edits.resolution}]"
            )
        if self.clusters.count > self.davenet.embedding:
            raise ValueError(
                f"clusters.count {self.clusters.count} is more than the {self.davenet.embedding} "
                f"units of "
                "davenet.embedding"
            )
        return self


def graph_asked(collection: object, redraw: object) -> Graph:
    """The graph of dvc.yaml that these two parameters ask for."""
    if collection is None:
        return "drawn"
    return "redrawn" if redraw else "recorded"


def parse(data: dict[str, Any], origin: str) -> Params:
    """Validate plain data; every fault is named with file, field, value and what is allowed."""
    return validated(Params, data, origin)


def load(path: Path) -> Params:
    """Read and validate a parameter file."""
    return parse(read_yaml(path), str(path))
