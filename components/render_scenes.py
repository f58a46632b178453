"""render-scenes as a component."""

from kfp import dsl

from components import component


@component
def render_scenes(
    params: str,
    key: str,
    mark: str,
    lock: dsl.Output[dsl.Artifact],
    scenes: dsl.Output[dsl.Dataset],
    real_pairs: dsl.Output[dsl.Dataset],
    page: dsl.Output[dsl.HTML],
):
    from wordbrush.kubeflow.tasks.artifacts import publish
    from wordbrush.versioning.runs import run_stage

    locks = []
    with run_stage("render-scenes", params, locks, key) as run:
        publish(run, {"data/scenes": scenes, "data/real_pairs": real_pairs}, lock, page)
