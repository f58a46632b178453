"""How the samples divide: one array, four consecutive blocks."""

from wordbrush.params import Samples

CAPTIONED = ("train", "validation", "test")


def split_ranges(samples: Samples) -> dict[str, range]:
    """The sample indices of `train`, `validation`, `test` (with captions) and `semantic` (pictures alone)."""
    ranges, start = {}, 0
    for name in (*CAPTIONED, "semantic"):
        stop = start + getattr(samples, name)
        ranges[name], start = range(start, stop), stop
    return ranges


def captioned_count(samples: Samples) -> int:
    """Samples that get a caption: they come first."""
    return split_ranges(samples)["test"].stop
