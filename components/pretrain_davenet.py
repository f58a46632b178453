"""pretrain-davenet as a component."""

from kfp import dsl

from components import component


@component
def pretrain_davenet(
    params: str,
    key: str,
    mark: str,
    mining: str,
    sample_images: dsl.Input[dsl.Artifact],
    synthesize_captions: dsl.Input[dsl.Artifact],
    speak_edits: dsl.Input[dsl.Artifact],
    lock: dsl.Output[dsl.Artifact],
    encoders: dsl.Output[dsl.Model],
    page: dsl.Output[dsl.HTML],
):
    from wordbrush.kubeflow.tasks.artifacts import publish
    from wordbrush.versioning.runs import run_stage

    locks = [sample_images.path, synthesize_captions.path, speak_edits.path]
    with run_stage(f"pretrain-davenet@{mining}", params, locks, key) as run:
        publish(run, {f"data/encoders/pretrain/{mining}": encoders}, lock, page)
