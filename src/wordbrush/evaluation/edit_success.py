"""Whether an edit changes what a caption would say (P §6.4), as the segmenter reads the two pictures."""

from collections import Counter

from wordbrush.scenes.world import ATTRIBUTES


def content(objects: list[dict], min_confidence: float) -> Counter:
    """What a caption would say: the multiset of the sure objects' four attributes."""
    return Counter(tuple(thing[name] for name in ATTRIBUTES) for thing in objects if thing["confidence"] >= min_confidence)


def content_changes(before: list[list[dict]], after: list[list[dict]], min_confidence: float) -> list[bool]:
    """For every edited picture, whether its content differs."""
    return [content(a, min_confidence) != content(b, min_confidence) for a, b in zip(before, after, strict=True)]
