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
    """Compare the new model with the champion on the new held-out tests; promote it only if it is better by the margin."""
    from wordbrush.kubeflow.artifacts import publish_decision
    from wordbrush.registry.gate import decide

    publish_decision(decide(params, report.path), page, scalars)
