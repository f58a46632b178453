"""evaluate as a component, on a collection that is redrawn."""

from kfp import dsl

from components import component


@component
def evaluate(
    params: str,
    key: str,
    mark: str,
    train_gan: dsl.Input[dsl.Artifact],
    import_collection: dsl.Input[dsl.Artifact],
    find_latents: dsl.Input[dsl.Artifact],
    pretrain_davenet_random: dsl.Input[dsl.Artifact],
    pretrain_davenet_hard: dsl.Input[dsl.Artifact],
    random_edits_random: dsl.Input[dsl.Artifact],
    random_edits_hard: dsl.Input[dsl.Artifact],
    cluster_units_random: dsl.Input[dsl.Artifact],
    cluster_units_hard: dsl.Input[dsl.Artifact],
    targeted_edits_random: dsl.Input[dsl.Artifact],
    targeted_edits_hard: dsl.Input[dsl.Artifact],
    lock: dsl.Output[dsl.Artifact],
    examples: dsl.Output[dsl.Artifact],
    scalars: dsl.Output[dsl.Metrics],
    roc: dsl.Output[dsl.ClassificationMetrics],
    page: dsl.Output[dsl.HTML],
):
    from wordbrush.kubeflow.tasks.artifacts import publish
    from wordbrush.versioning.runs import run_stage

    locks = [
        train_gan.path,
        import_collection.path,
        find_latents.path,
        pretrain_davenet_random.path,
        pretrain_davenet_hard.path,
        random_edits_random.path,
        random_edits_hard.path,
        cluster_units_random.path,
        cluster_units_hard.path,
        targeted_edits_random.path,
        targeted_edits_hard.path,
    ]
    with run_stage("evaluate", params, locks, key) as run:
        publish(run, {"data/evaluation": examples}, lock, page, scalars=scalars, roc=roc)
