"""compare as a component: the task that opens scheduled runs and those of uploaded versions."""

from kfp import dsl

from components import component


@component
def compare(
    params: str,
    key: str,
    lock: dsl.Output[dsl.Artifact],
    page: dsl.Output[dsl.HTML],
) -> str:
    """`unchanged` where the remote has all results of this run's keys, else `changed`."""
    import time

    from wordbrush.kubeflow.tasks.artifacts import publish_comparison
    from wordbrush.versioning.finished import finished_lock

    started = time.monotonic()
    known = finished_lock("report", params, key)
    return publish_comparison(known, time.monotonic() - started, lock, page)
