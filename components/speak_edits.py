"""speak-edits as a component."""

from kfp import dsl

from components import component


@component
def speak_edits(
    params: str,
    key: str,
    mark: str,
    train_gan: dsl.Input[dsl.Artifact],
    train_segmenter: dsl.Input[dsl.Artifact],
    sample_images: dsl.Input[dsl.Artifact],
    synthesize_captions: dsl.Input[dsl.Artifact],
    lock: dsl.Output[dsl.Artifact],
    twins: dsl.Output[dsl.Dataset],
    twin_speech: dsl.Output[dsl.Dataset],
    scalars: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
):
    from wordbrush.kubeflow.tasks.artifacts import publish
    from wordbrush.versioning.runs import run_stage

    locks = [train_gan.path, train_segmenter.path, sample_images.path, synthesize_captions.path]
    with run_stage("speak-edits", params, locks, key) as run:
        outputs = {"data/twins": twins, "data/twin_speech": twin_speech}
        publish(run, outputs, lock, page, scalars=scalars)
