"""The rows of the table, by name; docs/performance.md says what each means."""

from collections.abc import Callable, Iterator

from benchmarks.bench import Bench, Line
from benchmarks.rows import concepts, data, davenet, gan, making, training, whole

ROWS: dict[str, Callable[[Bench], Iterator[Line]]] = {
    "davenet-step": davenet.davenet_step,
    "margin-loss": davenet.margin_loss,
    "batch-loss": davenet.batch_loss,
    "similarities": davenet.similarity_matrix,
    "gan-step": gan.gan_step,
    "thresholds": concepts.thresholds,
    "agreement": concepts.unit_agreement,
    "demo-step": training.demo_step,
    "augmented-step": training.augmented_step,
    "demo-gan-step": gan.demo_gan_step,
    "edited-steps": training.edited_steps,
    "waiting": training.waiting,
    "loading": data.loading,
    "sampling": gan.sampling,
    "rendering": making.rendering,
    "captions": making.captions,
    "features": making.features,
    "whole": whole.whole_runs,
}
SLOW = frozenset({"whole"})  # with --quick, only if --only names it
