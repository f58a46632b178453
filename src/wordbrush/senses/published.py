"""What Aytar et al. (2017) report by method: median ranks of 1,000; classifiers that carry over.

They are of videos and captions of photographs. One wins by chance in 500, and a classifier chooses
one of 42 categories, so 2.3 % are right by chance. The figures are from slides about the paper,
which name the rows of two of three tables: ranks between text and sound, and classifiers. The rows
of ranks with pictures have no names there, and are assumed to come in the order of the table of
text and sound; two more behind linear regression are left out. A figure that cannot be read there
is None.
"""

from wordbrush.senses.config import SENSES
from wordbrush.senses.names import cell, way

OF = 1000
CHANCE = 2.3  # percent: one of 42 categories
WAYS = (
    *(way("picture", "sound"), way("sound", "picture"), way("picture", "text")),
    *(way("text", "picture"), way("text", "sound"), way("sound", "text")),
)
ROWS = {
    "linear regression": (345.8, 319.8, 14.2, 18.0, 315.0, 309.0),
    "transfer": (144.6, 143.8, 8.5, 10.8, 140.5, 142.0),
    "ranking": (49.0, 47.8, 8.6, 8.2, 190.0, 189.5),
    "both": (47.5, 49.5, 5.8, 6.0, 135.0, 140.5),
}
RANKS = {name: dict(zip(WAYS, row, strict=True)) for name, row in ROWS.items()}
# learned in picture, sound, text; each asked in picture, sound, text
CARRIED = {
    "linear regression": (26.5, 3.3, 23.1, 3.0, 6.6, 2.9, 18.3, 3.4, 34.3),
    "CCA, picture and text": (23.8, None, 22.2, None, None, None, 18.5, None, 35.6),
    "CCA, picture and sound": (21.1, 3.0, None, 2.7, 6.8, None, None, None, None),
    "transfer": (30.9, 5.6, 32.0, 8.7, 9.0, 12.3, 26.5, 5.1, 39.0),
    "ranking": (23.5, 5.7, 21.3, 6.6, 5.7, 6.3, 11.3, 5.2, 32.9),
    "both": (None, 5.8, 33.8, 12.8, 9.0, 15.2, 22.6, 6.2, 40.3),
}
CELLS = tuple(cell(learned, asked) for learned in SENSES for asked in SENSES)
ZERO_SHOT = {name: dict(zip(CELLS, row, strict=True)) for name, row in CARRIED.items()}
