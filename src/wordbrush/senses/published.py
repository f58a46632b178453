"""The median ranks of 1,000 that Aytar et al. (2017) report, by loss and direction.

They are of videos and captions of photographs; one wins by chance in 500. The slides name the rows
of one of their two tables; the other's are taken to come in the same order.
"""

from wordbrush.senses.names import way

OF = 1000
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
