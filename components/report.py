"""report as a component."""

from kfp import dsl

from components import component


@component
def report(
    params: str,
    key: str,
    mark: str,
    train_gan: dsl.Input[dsl.Artifact],
    train_segmenter: dsl.Input[dsl.Artifact],
    sample_images: dsl.Input[dsl.Artifact],
    synthesize_captions: dsl.Input[dsl.Artifact],
    speak_edits: dsl.Input[dsl.Artifact],
    train_senses: dsl.Input[dsl.Artifact],
    pretrain_davenet_random: dsl.Input[dsl.Artifact],
    pretrain_davenet_hard: dsl.Input[dsl.Artifact],
    random_edits_random: dsl.Input[dsl.Artifact],
    random_edits_hard: dsl.Input[dsl.Artifact],
    cluster_units_random: dsl.Input[dsl.Artifact],
    cluster_units_hard: dsl.Input[dsl.Artifact],
    targeted_edits_random: dsl.Input[dsl.Artifact],
    targeted_edits_hard: dsl.Input[dsl.Artifact],
    evaluate: dsl.Input[dsl.Artifact],
    lock: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.Artifact],
    page: dsl.Output[dsl.HTML],
):
    from wordbrush.kubeflow.tasks.artifacts import publish
    from wordbrush.versioning.runs import run_stage

    locks = [
        train_gan.path,
        train_segmenter.path,
        sample_images.path,
        synthesize_captions.path,
        speak_edits.path,
        train_senses.path,
        pretrain_davenet_random.path,
        pretrain_davenet_hard.path,
        random_edits_random.path,
        random_edits_hard.path,
        cluster_units_random.path,
        cluster_units_hard.path,
        targeted_edits_random.path,
        targeted_edits_hard.path,
        evaluate.path,
    ]
    with run_stage("report", params, locks, key) as run:
        publish(run, {"data/report": report}, lock, page)
