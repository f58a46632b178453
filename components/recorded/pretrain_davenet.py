"""pretrain-davenet as a component, on a collection."""

from kfp import dsl

from components import component


@component
def pretrain_davenet(
    params: str,
    key: str,
    mark: str,
    mining: str,
    import_collection: dsl.Input[dsl.Artifact],
    lock: dsl.Output[dsl.Artifact],
    encoders: dsl.Output[dsl.Model],
    page: dsl.Output[dsl.HTML],
):
    from wordbrush.kubeflow.tasks.artifacts import publish
    from wordbrush.versioning.runs import run_stage

    with run_stage(f"pretrain-davenet@{mining}", params, [import_collection.path], key) as run:
        publish(run, {f"data/encoders/pretrain/{mining}": encoders}, lock, page)
