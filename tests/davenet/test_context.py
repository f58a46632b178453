"""The heads that hear and see what is around: what they read, and when they learn."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.devices import same_weights
from tests.noise import noise_pairs
from wordbrush import params as parameters
from wordbrush.audio.config import FeatureConfig
from wordbrush.data.pairs import Pairs
from wordbrush.davenet.config import ContextConfig, EncoderConfig
from wordbrush.davenet.context import AudioContext, ImageContext
from wordbrush.davenet.encoded import Encoded, compared
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.encoding import encode_pairs
from wordbrush.davenet.kernels import all_similarities, paired_similarities, similarities
from wordbrush.davenet.matchmap import similarity
from wordbrush.davenet.training import Settings, train
from wordbrush.errors import WordbrushError
from wordbrush.params import Context, Davenet, Params, Training
from wordbrush.storage.configs import read_config, write_config
from wordbrush.training.compute import device

CONTEXT = Context(
    audio_layer=1,
    least_frames=2,
    embedding=6,
    channels=8,
    audio_blocks=3,
    audio_width=5,
    image_blocks=2,
)
HEADS = ContextConfig(**CONTEXT.model_dump())


@pytest.fixture
def pairs(tiny: Params, tmp_path: Path) -> Pairs:
    return noise_pairs(tiny, tmp_path)


@pytest.fixture
def settings(tiny: Params) -> Settings:
    """Two steps of both branches, one of the audio branch, and three of the heads."""
    davenet = tiny.davenet.model_copy(update={"context": CONTEXT, "batch_size": 8})
    phases = {"steps": 2, "locked_steps": 1, "context_steps": 3}
    stage = tiny.schedule.pretrain.model_copy(update=phases)
    return Settings(davenet, stage, "hard", 3, "caption")


def without_heads(settings: Settings) -> Settings:
    return replace(
        settings,
        davenet=settings.davenet.model_copy(update={"context": None}),
        stage=settings.stage.model_copy(update={"context_steps": 0}),
    )


def trained(settings: Settings, pairs: Pairs) -> Encoders:
    torch.manual_seed(0)
    encoders = Encoders(EncoderConfig.of(settings.davenet, pairs.speech.config))
    train(encoders, pairs, settings)
    return encoders


def test_heads_learn_last_and_leave_words_as_they_are(settings, pairs):
    with_heads, words = trained(settings, pairs), trained(without_heads(settings), pairs)
    weights, alone = with_heads.state_dict(), words.state_dict()
    heads = {name for name in weights if name.split(".")[1] == "context"}
    assert weights.keys() - heads == alone.keys()
    assert same_weights({name: weights[name] for name in alone}, alone)
    torch.manual_seed(0)
    began = Encoders(with_heads.config).to(device()).state_dict()
    learned = {name for name in heads if not torch.equal(weights[name], began[name])}
    assert learned >= {name for name in heads if name.endswith("weight")}


def test_they_answer_in_edits_and_learn_there_with_both_branches(settings, pairs):
    encoders = trained(settings, pairs)
    before = {name: one.clone() for name, one in encoders.state_dict().items()}
    stage = Training(**settings.stage.model_dump(exclude={"locked_steps", "context_steps"}))
    train(encoders, pairs, replace(settings, stage=stage))
    changed = {name for name, one in encoders.state_dict().items() if not one.equal(before[name])}
    assert {".".join(name.split(".")[:2]) for name in changed} >= {
        "image.context",
        "audio.context",
        "image.layers",
        "audio.convs",
    }


def test_scores_are_the_sum_of_both_heads(settings, pairs):
    encoders = trained(settings, pairs)
    seen, heard = encode_pairs(encoders, pairs, torch.arange(5).numpy())
    assert seen.context is not None and heard.context is not None
    both = (
        torch.cat([seen.features, seen.context], 1),
        torch.cat([heard.features, heard.context], 1),
    )
    expected = similarity(*both, heard.frame_counts, "MISA")
    assert torch.allclose(paired_similarities(seen, heard, "MISA"), expected, atol=1e-4)
    assert torch.allclose(similarities(seen, heard, "MISA").diagonal(), expected, atol=1e-4)
    assert torch.allclose(all_similarities(seen, heard, "MISA").diagonal(), expected, atol=1e-4)
    words = replace(seen, context=None)
    assert compared(words, heard) == (words.features, heard.features)
    assert not torch.allclose(paired_similarities(words, heard, "MISA"), expected, atol=1e-2)


@torch.no_grad()
@pytest.mark.parametrize("layer", [1, 2, 3])
def test_the_head_hears_the_layer_that_is_named(tiny, layer):
    """As the branch tells of its layers, in means over the frames of the last."""
    encoders = encoders_with(tiny, layer)
    speech, lengths = torch.randn(2, encoders.config.bands, 21), torch.tensor([21, 13])
    found = encoders.encode_audio(speech, lengths)
    named = list(encoders.audio.hear(speech, lengths))[layer - 1]
    means = torch.zeros(2, named.vectors.shape[2], found.features.shape[2])
    each = encoders.audio.stride // named.stride
    for row, count in enumerate(named.lengths.tolist()):
        for frame in range(-(-count // each)):
            some = named.vectors[row, each * frame : min(count, each * (frame + 1))]
            means[row, :, frame] = some.mean(0)
    head = encoders.audio.context
    assert head is not None and found.context is not None and found.lower is None
    expected = head(Encoded(found.features, found.lengths, lower=means))
    assert torch.allclose(found.context, expected, atol=1e-5)


def encoders_with(tiny: Params, layer: int) -> Encoders:
    """On the CPU, with a head that hears this layer."""
    context = CONTEXT.model_copy(update={"audio_layer": layer})
    davenet = tiny.davenet.model_copy(update={"context": context})
    torch.manual_seed(0)
    return Encoders(EncoderConfig.of(davenet, FeatureConfig.taken_from(tiny.captions))).eval()


def test_context_needs_no_more_than_what_the_branches_answer(settings, pairs):
    encoders = trained(settings, pairs).cpu()  # where encoded sets are
    seen, heard = encode_pairs(encoders, pairs, torch.arange(2).numpy())
    with torch.no_grad():
        words = encoders.audio(*pairs.speech.batch(torch.arange(2).numpy()))
        again = encoders.heard_in_context(encoders.audio, words).context
        pictures = encoders.seen_in_context(replace(seen, context=None)).context
    assert again is not None and torch.allclose(again, heard.context, atol=1e-5)
    assert pictures is not None and torch.allclose(pictures, seen.context, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("layer", [1, 3])
def test_padding_and_neighbours_in_a_batch_change_nothing(tiny, layer):
    encoders = encoders_with(tiny, layer)
    speech = torch.randn(2, encoders.config.bands, 27)
    speech[1, :, 14:] = 0
    together = encoders.encode_audio(speech, torch.tensor([27, 14])).context
    alone = encoders.encode_audio(speech[1:, :, :14], torch.tensor([14])).context
    assert together is not None and alone is not None
    assert torch.allclose(together[1:, :, : alone.shape[2]], alone, atol=1e-5)
    assert not together[1, :, alone.shape[2] :].any()


@torch.no_grad()
def test_a_word_said_alone_has_no_context(tiny):
    """Alone or in a batch, its score is that of its own head; a frame more, and both answer."""
    encoders = encoders_with(tiny, 1)
    stride = encoders.audio.stride
    speech, lengths = torch.randn(2, encoders.config.bands, 2 * stride), torch.tensor([0, 1])
    lengths = stride + lengths
    context = encoders.encode_audio(speech, lengths).context
    assert context is not None and not context[0].any() and context[1].any()
    alone = encoders.encode_audio(speech[:1, :, :stride], lengths[:1])
    seen = encoders.encode_images(torch.randn(1, 3, 16, 16))
    words = paired_similarities(replace(seen, context=None), alone, "MISA")
    assert torch.allclose(paired_similarities(seen, alone, "MISA"), words, atol=1e-5)


def test_a_layer_that_is_not_there_is_refused(tiny):
    with pytest.raises(ValueError, match="audio_layer is 9, and the audio network davenet has"):
        Davenet.model_validate(
            {**tiny.davenet.model_dump(), "context": {**CONTEXT.model_dump(), "audio_layer": 9}}
        )


def reached(change: Tensor, answer: Tensor) -> list[int]:
    """Where along the last axis the answer to a change in its middle differs."""
    return (change - answer).abs().flatten(0, -2).amax(0).nonzero().flatten().tolist()


@torch.no_grad()
def test_each_layer_reaches_twice_as_far_as_the_one_before():
    audio, image = AudioContext(HEADS, 4).eval(), ImageContext(HEADS, 4).eval()
    speech, lengths = torch.randn(1, 4, 61), torch.tensor([61])
    other = speech.clone()
    other[0, :, 30] += 100
    heard = reached(
        *(audio(Encoded(one, lengths, lower=one)) for one in (other, speech)),
    )
    assert (heard[0], heard[-1]) == (30 - 14, 30 + 14)  # 2 + 4 + 8 frames
    pictures = torch.randn(1, 4, 15, 15)
    other = pictures.clone()
    other[0, :, 7, 7] += 100
    seen = reached(image(Encoded(other)), image(Encoded(pictures)))
    assert (seen[0], seen[-1]) == (7 - 3, 7 + 3)  # 1 + 2 cells


@pytest.mark.parametrize(
    ("davenet", "steps"), [({"context": None}, 5), ({"context": CONTEXT.model_dump()}, 0)]
)
def test_heads_without_steps_and_steps_without_heads_are_refused(tiny, davenet, steps):
    values = tiny.model_dump()
    values["davenet"] |= davenet
    values["schedule"]["pretrain"]["context_steps"] = steps
    with pytest.raises(WordbrushError, match=r"davenet\.context.*set both, or null and 0"):
        parameters.parse(values, "params.yaml")


def test_windows_over_time_have_a_middle(tiny):
    values = tiny.model_dump()
    values["davenet"]["context"] = {**CONTEXT.model_dump(), "audio_width": 4}
    values["schedule"]["pretrain"]["context_steps"] = 5
    with pytest.raises(WordbrushError, match="audio_width 4 is even"):
        parameters.parse(values, "params.yaml")


@pytest.mark.parametrize("network", ["davenet", "resdavenet"])
def test_heads_that_were_saved_before_layers_had_names_hear_the_last(tiny, tmp_path, network):
    davenet = tiny.davenet.model_copy(update={"context": CONTEXT, "audio_network": network})
    config = EncoderConfig.of(davenet, FeatureConfig.taken_from(tiny.captions))
    write_config(tmp_path / "encoders.json", config)
    old = json.loads((tmp_path / "encoders.json").read_text())
    del old["context"]["audio_layer"], old["context"]["least_frames"]
    (tmp_path / "encoders.json").write_text(json.dumps({**old, "format": 6}))
    read = read_config(tmp_path / "encoders.json", EncoderConfig)
    assert read.context is not None and read.context.least_frames == 1
    assert read.context.audio_layer == read.audio_layer_count
    encoders = Encoders(read).eval()
    speech, lengths = torch.randn(1, read.bands, 21), torch.tensor([21])
    heard = encoders.audio(speech, lengths)
    assert heard.lower is not None and torch.equal(heard.lower, heard.features)
