"""synthesize-captions as a component."""

from kfp import dsl

from components import component


@component
def synthesize_captions(
    params: str,
    key: str,
    mark: str,
    render_scenes: dsl.Input[dsl.Artifact],
    train_segmenter: dsl.Input[dsl.Artifact],
    sample_images: dsl.Input[dsl.Artifact],
    lock: dsl.Output[dsl.Artifact],
    features: dsl.Output[dsl.Dataset],
    speech: dsl.Output[dsl.Dataset],
    scalars: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
):
    from wordbrush.kubeflow.tasks.artifacts import publish
    from wordbrush.versioning.runs import run_stage

    locks = [render_scenes.path, train_segmenter.path, sample_images.path]
    with run_stage("synthesize-captions", params, locks, key) as run:
        publish(
            run, {"data/features": features, "data/speech": speech}, lock, page, scalars=scalars
        )
