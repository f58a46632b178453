"""What a network of three senses needs to be built again."""

from typing import Annotated, Literal

from pydantic import Field

from wordbrush.storage.configs import Config

Sense = Literal["picture", "sound", "text"]
SENSES: tuple[Sense, ...] = ("picture", "sound", "text")
PARTNERS: tuple[Sense, ...] = ("text", "sound")  # of pictures in training; never of each other
Width = Annotated[int, Field(ge=1, le=1 << 16)]  # of a layer
Widths = Annotated[list[Width], Field(min_length=1, max_length=8)]


class SensesConfig(Config):
    """senses.json.

    sound: what is heard. bands: of its log-mels. vocabulary: the words that are known, in the order
    of their numbers. picture_channels, sound_channels: of the layers before the last one.
    word_width: of the embedding of a word. width: of the last layer of each sense, and of the
    shared ones. values: what the head tells the presence of.
    """

    sound: Literal["speech", "impacts"]
    bands: Width
    vocabulary: list[str]
    picture_channels: Widths
    sound_channels: Widths
    word_width: Width
    width: Width
    values: Annotated[list[str], Field(min_length=1)]
