"""Captions that say left or right, of which mirrored pictures make something wrong.

It knows the words of the languages that collections were seen in; in others it finds none.
"""

import re
from pathlib import Path

from wordbrush.corpora.shards import SPEECH, read_rows
from wordbrush.data.splits import TRAIN

LANGUAGES = {
    "be": "злева справа левы левая левае правы правая правае налева направа",
    "bg": "ляво дясно отляво отдясно наляво надясно ляв лява десен дясна",
    "ca": "esquerra dreta esquerre dret",
    "da": "venstre højre",
    "de": "links rechts linke linken linker rechte rechten rechter",
    "el": "αριστερά δεξιά αριστερός δεξιός αριστερή δεξιή",
    "en": "left right",
    "es": "izquierda derecha izquierdo derecho",
    "fr": "gauche droite",
    "hi": "बाएं बाएँ दाएं दाएँ",
    "it": "sinistra destra sinistro destro",
    "nl": "links rechts linker rechter",
    "pt": "esquerda direita esquerdo direito",
    "ro": "stânga dreapta stângă dreaptă",
    "ru": "слева справа налево направо левый левая левое правый правая правое",
}
WORDS = frozenset(word for line in LANGUAGES.values() for word in line.split())
TOKEN = re.compile(r"\w+")


def says_side(text: str) -> bool:
    """Whether a caption has such a word, in whatever language it is."""
    return not WORDS.isdisjoint(TOKEN.findall(text.casefold()))


def warning(folder: Path) -> str | None:
    """A sentence on the captions for training that mirrored pictures make wrong; None if no text
    says so. Raises FileFault where a shard is missing or damaged."""
    texts = [row["text"] for row in read_rows(folder, SPEECH, ["text"], TRAIN)]
    sided = [text for text in texts if says_side(text)]
    if not sided:
        return None
    return (
        f"{len(sided):,} of {len(texts):,} captions for training say left or right, such as "
        f"{sided[0]!r}, and half of the pictures are mirrored: set davenet.image_flip to false."
    )
