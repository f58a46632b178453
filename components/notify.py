"""notify as a component: the exit task of a run, which posts how it ended."""

from kfp import dsl

from components import component


@component
def notify(status: dsl.PipelineTaskFinalStatus, run: str, ui: str):
    """Tell the webhook of the cluster, if it has one, how the run ended."""
    from wordbrush.kubeflow.tasks.notices import notify

    notify(status.state, run, ui)
