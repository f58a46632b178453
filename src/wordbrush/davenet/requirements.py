"""What a training needs of its machine and its parameters, checked before it begins."""

import torch

from wordbrush.data.pairs import Pairs
from wordbrush.davenet.audio import make_audio_encoder
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoders import Encoders
from wordbrush.errors import WordbrushError
from wordbrush.params import Davenet, Training
from wordbrush.training.compute import require_device_memory, training_bytes
from wordbrush.training.launch import VARIABLE
from wordbrush.training.parallel import part, world

AUDIO_COPIES = 4  # of a layer's frames, kept for the backward pass: in and out of the row, and norm


def require_room(davenet: Davenet, pairs: Pairs, edited: bool) -> None:
    """Raises WordbrushError where the memory does not hold a step.

    edited: with edited pictures beside the batch's own. Then, and where there are twins, the batch
    has whole captions, and is as wide as these.
    """
    speech, twins = pairs.speech, pairs.twins
    longest = float(speech.lengths.max() * speech.hop)
    seconds = longest if edited else min(davenet.crop_max_seconds, longest)
    if twins is not None:
        seconds = max(longest, float(twins.speech.lengths.max() * speech.hop))
    batch = part(davenet.batch_size)
    frames = batch * seconds / speech.hop
    config = EncoderConfig.of(davenet, speech.config)
    with torch.device("meta"):
        audio = make_audio_encoder(config)
    heard = frames * audio.channels_a_frame
    pictures = torch.Size((batch * (1 + edited), 3, davenet.image_size, davenet.image_size))
    seen = training_bytes(
        lambda: Encoders(config),
        lambda encoders: encoders.encode_images(torch.empty(pictures)),
    )
    require_device_memory(
        "a step of DAVEnet",
        seen + round(4 * AUDIO_COPIES * heard),
        "lower davenet.batch_size or the channels of davenet",
    )


def require_equal_turns(size: int, languages: int) -> None:
    """Raises WordbrushError where several processes could not have as many captions of each of so
    many languages, of batches of this size."""
    if part(size) % languages:
        raise WordbrushError(
            f"a batch of {size} captions in {languages} languages cannot be shared equally by "
            f"{world()} processes: choose another davenet.batch_size, or another {VARIABLE}."
        )


def require_equal_edits(davenet: Davenet, stage: Training) -> None:
    """Raises WordbrushError where several processes would edit other rows than one does."""
    rows = part(davenet.batch_size)
    if world() > 1 and rows % stage.edit_every:
        raise WordbrushError(
            f"an edit for every {stage.edit_every} pairs cannot be shared equally by {world()} "
            f"processes of {rows} pairs each: choose another edit_every or davenet.batch_size in "
            f"params.yaml, or another {VARIABLE}."
        )
