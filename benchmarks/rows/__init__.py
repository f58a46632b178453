"""The rows of the table, by name; docs/performance.md says what each means."""

from collections.abc import Callable, Iterator

from benchmarks.bench import Bench, Line
from benchmarks.rows import grounding

ROWS: dict[str, Callable[[Bench], Iterator[Line]]] = {
    "davenet-step": grounding.davenet_step,
    "margin-loss": grounding.margin_loss,
    "batch-loss": grounding.batch_loss,
    "similarities": grounding.similarity_matrix,
}
SLOW: frozenset[str] = frozenset()   # minutes to hours: not with --quick, unless named
