"""random-edits as a component, on a collection that is redrawn."""

from kfp import dsl

from components import component


@component
def random_edits(
    params: str,
    key: str,
    mark: str,
    mining: str,
    train_gan: dsl.Input[dsl.Artifact],
    import_collection: dsl.Input[dsl.Artifact],
    find_latents: dsl.Input[dsl.Artifact],
    pretrain_davenet: dsl.Input[dsl.Artifact],
    lock: dsl.Output[dsl.Artifact],
    encoders: dsl.Output[dsl.Model],
    page: dsl.Output[dsl.HTML],
):
    from wordbrush.kubeflow.tasks.artifacts import publish
    from wordbrush.versioning.runs import run_stage

    locks = [train_gan.path, import_collection.path, find_latents.path, pretrain_davenet.path]
    with run_stage(f"random-edits@{mining}", params, locks, key) as run:
        publish(run, {f"data/encoders/random-edits/{mining}": encoders}, lock, page)
