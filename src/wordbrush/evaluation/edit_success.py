"""What a caption would say, as the segmenter reads a picture: whether an edit changes it (P §6.4), how many pictures share it."""

from collections import Counter

from wordbrush.scenes.world import ATTRIBUTES


def content(objects: list[dict], min_confidence: float) -> Counter:
    """What a caption would say: the multiset of the sure objects' four attributes."""
    return Counter(
        tuple(thing[name] for name in ATTRIBUTES)
        for thing in objects
        if thing["confidence"] >= min_confidence
    )


def distinct(parsed: list[list[dict]], min_confidence: float, k: int) -> float:
    """Recall@k, in percent, of a listener who knows every attribute and draws among pictures of the same content."""
    said = [frozenset(content(objects, min_confidence).items()) for objects in parsed]
    alike = Counter(said)
    return 100 * sum(min(1.0, k / alike[one]) for one in said) / len(said)


def content_changes(
    before: list[list[dict]], after: list[list[dict]], min_confidence: float
) -> list[bool]:
    """For every edited picture, whether its content differs."""
    return [
        content(a, min_confidence) != content(b, min_confidence)
        for a, b in zip(before, after, strict=True)
    ]
