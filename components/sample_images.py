"""sample-images as a component."""

from kfp import dsl

from components import component


@component
def sample_images(
    params: str,
    key: str,
    mark: str,
    train_gan: dsl.Input[dsl.Artifact],
    train_segmenter: dsl.Input[dsl.Artifact],
    lock: dsl.Output[dsl.Artifact],
    samples: dsl.Output[dsl.Dataset],
    scalars: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
):
    from wordbrush.kubeflow.tasks.artifacts import publish
    from wordbrush.versioning.runs import run_stage

    locks = [train_gan.path, train_segmenter.path]
    with run_stage("sample-images", params, locks, key) as run:
        publish(run, {"data/samples": samples}, lock, page, scalars=scalars)
