"""The rows of the table, by name; docs/performance.md says what each means."""

from collections.abc import Callable, Iterator

from benchmarks.bench import Bench, Line
from benchmarks.rows import concepts, data, drawing, grounding, making, training, whole

ROWS: dict[str, Callable[[Bench], Iterator[Line]]] = {
    "davenet-step": grounding.davenet_step,
    "margin-loss": grounding.margin_loss,
    "batch-loss": grounding.batch_loss,
    "similarities": grounding.similarity_matrix,
    "gan-step": drawing.gan_step,
    "thresholds": concepts.thresholds,
    "agreement": concepts.unit_agreement,
    "demo-step": training.demo_step,
    "demo-gan-step": drawing.demo_gan_step,
    "edited-steps": training.edited_steps,
    "waiting": training.waiting,
    "loading": data.loading,
    "sampling": drawing.sampling,
    "rendering": making.rendering,
    "captions": making.captions,
    "features": making.features,
    "whole": whole.whole_runs,
}
SLOW = frozenset({"whole"})  # with --quick only where it is named
