"""import-collection as a component."""

from kfp import dsl

from components import component


@component
def import_collection(
    params: str,
    key: str,
    mark: str,
    lock: dsl.Output[dsl.Artifact],
    samples: dsl.Output[dsl.Dataset],
    features: dsl.Output[dsl.Dataset],
    speech: dsl.Output[dsl.Dataset],
    page: dsl.Output[dsl.HTML],
):
    from wordbrush.kubeflow.tasks.artifacts import publish
    from wordbrush.versioning.runs import run_stage

    locks = []
    with run_stage("import-collection", params, locks, key) as run:
        outputs = {"data/samples": samples, "data/features": features, "data/speech": speech}
        publish(run, outputs, lock, page)
