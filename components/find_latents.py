"""find-latents as a component."""

from kfp import dsl

from components import component


@component
def find_latents(
    params: str,
    key: str,
    mark: str,
    train_gan: dsl.Input[dsl.Artifact],
    import_collection: dsl.Input[dsl.Artifact],
    lock: dsl.Output[dsl.Artifact],
    latents: dsl.Output[dsl.Artifact],
    scalars: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
):
    from wordbrush.kubeflow.tasks.artifacts import publish
    from wordbrush.versioning.runs import run_stage

    locks = [train_gan.path, import_collection.path]
    with run_stage("find-latents", params, locks, key) as run:
        publish(run, {"data/latents": latents}, lock, page, scalars=scalars)
