"""Heads of context that learn alone, upon the branches of an exported model (docs/relations.md)."""

from pathlib import Path

from experiments.runs import ROOT
from wordbrush.davenet.config import HEADS, ContextConfig
from wordbrush.davenet.config import digest as digest_of
from wordbrush.davenet.encoders import Encoders, load_encoders
from wordbrush.davenet.requirements import require_room
from wordbrush.davenet.training import Settings, train
from wordbrush.errors import WordbrushError
from wordbrush.params import Mining, Params, Pretraining
from wordbrush.stages.davenet import read_pairs
from wordbrush.storage.files import read_json, whole_directory
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.storage.validation import Finite
from wordbrush.storage.weights import save_network
from wordbrush.training.compute import device, set_seed
from wordbrush.training.conditions import as_chosen, for_device
from wordbrush.versioning.git import described_head

MINING: Mining = "hard"
SPOKEN = {"none": "twins", "plain": "other drawings", "edited": "edited drawings"}


def read_words(model: Path, params: Params) -> Encoders:
    """The encoders of a model that can carry the heads of these parameters.

    Raises WordbrushError where there is no such model, or it has too few layers.
    """
    if params.davenet.context is None:
        raise WordbrushError(
            f"{PARAMS}: davenet.context is null, and --words trains heads of context: say there "
            "what they are, and schedule.pretrain.context_steps."
        )
    if not (model / "encoders/encoders.json").is_file():
        raise WordbrushError(f"{model} is no exported model: encoders/encoders.json is missing.")
    words = load_encoders(model / "encoders", device())
    layers, asked = words.config.audio_layer_count, params.davenet.context.audio_layer
    if asked > layers:
        raise WordbrushError(
            f"{PARAMS}: davenet.context.audio_layer is {asked}, and {model} hears with {layers} "
            "layers."
        )
    return words


def train_heads(params: Params, layout: Layout, model: Path) -> None:
    """Write encoders whose branches are those of a model, with new heads of context.

    Raises WordbrushError where the folder's speech is not such as the model hears.
    """
    words, larger = read_words(model, params), for_device(params)
    twins = larger.twins if params.twins.used else None
    pairs = read_pairs(params, layout, twins)
    if not words.config.hears(pairs.speech.config):
        raise WordbrushError(f"{model} hears other features than those of data/features.")
    require_room(larger.davenet, pairs, edited=False)
    set_seed(params.grounding_seed)
    encoders = with_new_heads(words, params, made(params, layout))
    stage, against = heads_alone(larger.schedule.pretrain), params.edits.against
    with as_chosen(params):
        settings = Settings(larger.davenet, stage, MINING, params.grounding_seed, against, twins)
        train(encoders, pairs, settings)
    with whole_directory(layout.encoders("pretrain", MINING)) as folder:
        save_network(folder, "encoders", encoders, encoders.config)


def with_new_heads(words: Encoders, params: Params, how: str) -> Encoders:
    """The same branches; heads that they had are dropped. how: the heads are trained, for cards."""
    assert params.davenet.context is not None, "read_words asks for it"
    davenet = digest_of(params.davenet.model_dump())
    changes = {
        "context": ContextConfig.taken_from(params.davenet.context),
        "origin": {**words.config.origin, "davenet_parameters": davenet, HEADS: how},
    }
    encoders = Encoders(words.config.model_copy(update=changes))
    branches = {name: one for name, one in words.state_dict().items() if ".context." not in name}
    encoders.load_state_dict(encoders.state_dict() | branches)
    return encoders


def heads_alone(stage: Pretraining) -> Pretraining:
    """The last steps of a pretraining: it is warm, and augmentation has its full strength."""
    begun = {"steps": 0, "locked_steps": 0, "warmup_steps": 0, "ramp_steps": 0}
    return stage.model_copy(update=begun)


def made(params: Params, layout: Layout) -> str:
    """How the heads are trained here, for the model's card."""
    steps, rate = params.schedule.pretrain.context_steps, params.schedule.pretrain.learning_rate
    captions = read_json(layout.metrics("twins"), dict[str, Finite])["captions"]
    spoken, commit = SPOKEN[params.twins.kind], described_head(ROOT)
    how = (
        f"{steps} steps at a learning rate of {rate:g} upon the other weights as they were, with "
        f"{captions:g} captions of {spoken}"
    )
    return f"{how}, at commit {commit}" if commit else how
