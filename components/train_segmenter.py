"""train-segmenter as a component."""

from kfp import dsl

from components import component


@component
def train_segmenter(
    params: str,
    key: str,
    mark: str,
    render_scenes: dsl.Input[dsl.Artifact],
    lock: dsl.Output[dsl.Artifact],
    segmenter: dsl.Output[dsl.Model],
    scalars: dsl.Output[dsl.Metrics],
    confusion: dsl.Output[dsl.ClassificationMetrics],
    page: dsl.Output[dsl.HTML],
):
    from wordbrush.kubeflow.tasks.artifacts import publish
    from wordbrush.versioning.runs import run_stage

    locks = [render_scenes.path]
    with run_stage("train-segmenter", params, locks, key) as run:
        publish(
            run, {"data/segmenter": segmenter}, lock, page, scalars=scalars, confusion=confusion
        )
