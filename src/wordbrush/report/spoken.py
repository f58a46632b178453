"""Captions for pages: their text, words and sound, read from few of the shards that hold them."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from wordbrush.data.recordings import SCHEMA
from wordbrush.params import load
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.storage.tables import read_table

COLUMNS = ["sample", "image", "text", "words", "voice", "audio"]
SHARDS_READ = 2  # of some 130 MB each, which a pod may have to fetch

Spoken = Callable[[Iterable[int]], dict[int, dict]]
"""Numbers of captions -> COLUMNS of those that are at hand, by number."""


def spoken_in(
    shards: Sequence[Path],
    rows_per_shard: int,
    fetch: Callable[[Sequence[Path]], None] = lambda _: None,
) -> Spoken:
    """The captions of shards, which `fetch` brings to their place first.

    Of the shards that hold what is asked for, only those that hold most are read.
    """

    def rows(samples: Iterable[int]) -> dict[int, dict]:
        wanted = set(samples)
        counts = Counter(number // rows_per_shard for number in sorted(wanted))
        chosen = [shards[one] for one, _ in counts.most_common(SHARDS_READ) if one < len(shards)]
        fetch(chosen)
        return {
            row["sample"]: row
            for path in chosen
            for row in read_table(path, SCHEMA, COLUMNS)
            if row["sample"] in wanted
        }

    return rows


def spoken_of(layout: Layout) -> Spoken:
    """The captions of a folder that has them."""
    rows_per_shard = load(layout.root / PARAMS).captions.rows_per_shard
    return spoken_in(sorted(layout.speech.glob("*.parquet")), rows_per_shard)
