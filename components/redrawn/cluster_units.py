"""cluster-units as a component, on a collection that is redrawn."""

from kfp import dsl

from components import component


@component
def cluster_units(
    params: str,
    key: str,
    mark: str,
    mining: str,
    train_gan: dsl.Input[dsl.Artifact],
    import_collection: dsl.Input[dsl.Artifact],
    find_latents: dsl.Input[dsl.Artifact],
    random_edits: dsl.Input[dsl.Artifact],
    lock: dsl.Output[dsl.Artifact],
    clusters: dsl.Output[dsl.Artifact],
    page: dsl.Output[dsl.HTML],
):
    from wordbrush.kubeflow.tasks.artifacts import publish
    from wordbrush.versioning.runs import run_stage

    locks = [train_gan.path, import_collection.path, find_latents.path, random_edits.path]
    with run_stage(f"cluster-units@{mining}", params, locks, key) as run:
        publish(run, {f"data/clusters/{mining}": clusters}, lock, page)
