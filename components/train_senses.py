"""train-senses as a component."""

from kfp import dsl

from components import component


@component
def train_senses(
    params: str,
    key: str,
    mark: str,
    train_segmenter: dsl.Input[dsl.Artifact],
    sample_images: dsl.Input[dsl.Artifact],
    synthesize_captions: dsl.Input[dsl.Artifact],
    lock: dsl.Output[dsl.Artifact],
    senses: dsl.Output[dsl.Model],
    scalars: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
):
    from wordbrush.kubeflow.tasks.artifacts import publish
    from wordbrush.versioning.runs import run_stage

    locks = [train_segmenter.path, sample_images.path, synthesize_captions.path]
    with run_stage("train-senses", params, locks, key) as run:
        publish(run, {"data/senses": senses}, lock, page, scalars=scalars)
