"""cluster-units as a component, on a collection."""

from kfp import dsl

from components import component


@component
def cluster_units(
    params: str,
    key: str,
    mark: str,
    mining: str,
    import_collection: dsl.Input[dsl.Artifact],
    pretrain_davenet: dsl.Input[dsl.Artifact],
    lock: dsl.Output[dsl.Artifact],
    clusters: dsl.Output[dsl.Artifact],
    page: dsl.Output[dsl.HTML],
):
    from wordbrush.kubeflow.tasks.artifacts import publish
    from wordbrush.versioning.runs import run_stage

    locks = [import_collection.path, pretrain_davenet.path]
    with run_stage(f"cluster-units@{mining}", params, locks, key) as run:
        publish(run, {f"data/clusters/{mining}": clusters}, lock, page)
