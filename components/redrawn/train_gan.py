"""train-gan as a component, on a collection that is redrawn."""

from kfp import dsl

from components import component


@component
def train_gan(
    params: str,
    key: str,
    mark: str,
    import_collection: dsl.Input[dsl.Artifact],
    lock: dsl.Output[dsl.Artifact],
    generator: dsl.Output[dsl.Model],
    scalars: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
):
    from wordbrush.kubeflow.tasks.artifacts import publish
    from wordbrush.versioning.runs import run_stage

    locks = [import_collection.path]
    with run_stage("train-gan", params, locks, key) as run:
        publish(run, {"data/generator": generator}, lock, page, scalars=scalars)
