"""promote as a component: the gate at the end of a scheduled run."""

from kfp import dsl

from components import component


@component
def promote(
    params: str,
    report: dsl.Input[dsl.Artifact],
    page: dsl.Output[dsl.HTML],
    scalars: dsl.Output[dsl.Metrics],
):
    """Promote the new model if it beats the champion by the margin, both on the new tests."""
    import time

    from wordbrush.kubeflow.tasks.artifacts import publish_decision
    from wordbrush.registry.gate import decide

    started = time.monotonic()
    decision = decide(params, report.path)
    publish_decision(decision, time.monotonic() - started, page, scalars)
