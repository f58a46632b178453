"""The six methods, and the paper's numbers for them on synthetic captions (P Tables 1 and 2, §6.4, §6.5)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """A row of the tables: which encoders it is, which edits trained it, and what the paper reports."""

    title: str
    stage: str
    mining: str
    edits: str | None
    semantic: dict[str, float]
    recall: dict[str, float]


def _method(
    title: str, stage: str, mining: str, edits: str | None, semantic: tuple, recall: tuple
) -> Method:
    return Method(
        title,
        stage,
        mining,
        edits,
        dict(zip(("shape", "material", "color", "size", "mean"), semantic, strict=True)),
        dict(zip(("1", "5", "10"), recall, strict=True)),
    )


METHODS = {
    "davenet": _method(
        "DaveNet", "pretrain", "random", None, (72.6, 63.3, 51.1, 98.0, 71.2), (14.9, 43.7, 62.2)
    ),
    "random_edits": _method(
        "Random edits",
        "random-edits",
        "random",
        "random",
        (70.9, 97.8, 54.0, 96.9, 79.9),
        (60.6, 89.0, 95.1),
    ),
    "targeted_edits": _method(
        "Targeted edits",
        "targeted-edits",
        "random",
        "targeted",
        (69.3, 97.5, 57.9, 95.4, 80.1),
        (75.1, 95.5, 98.5),
    ),
    "hard_negatives": _method(
        "Hard negatives",
        "pretrain",
        "hard",
        None,
        (75.6, 91.3, 62.2, 97.6, 81.7),
        (73.4, 94.6, 97.6),
    ),
    "hn_random_edits": _method(
        "Hard negatives + random edits",
        "random-edits",
        "hard",
        "random",
        (73.3, 94.5, 70.5, 95.1, 83.3),
        (94.8, 99.7, 99.9),
    ),
    "hn_targeted_edits": _method(
        "Hard negatives + targeted edits",
        "targeted-edits",
        "hard",
        "targeted",
        (77.7, 96.9, 66.6, 97.1, 84.6),
        (93.4, 99.6, 99.9),
    ),
}
FULL = "hn_targeted_edits"  # the whole method: P Table 1 has it best
EDIT_SUCCESS = 88.0  # P §6.4
REAL_IMAGES = {
    "without edits": 54.0,
    "with edits": 59.0,
    "with the renderer's edits": 89.0,
}  # P §6.5
