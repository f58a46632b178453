"""`python -m k8s.checks OVERLAY` prints every fault of an overlay as one sentence.

So it does for the compiled pipeline and for Argo's defaults. The exit code is 2 if there is one.
"""

from pathlib import Path
from typing import Annotated

import typer

from k8s.checks import capacity, cluster, compiled, pods, references, schemas, workflows
from k8s.checks.manifests import Manifest, build
from wordbrush.errors import WordbrushError, run_command
from wordbrush.kubeflow.compiler.pools import Pools, load_pools
from wordbrush.storage.paths import given_path

K8S = Path(__file__).resolve().parents[1]
POOLS, DEFAULTS = K8S / "pools.yaml", K8S / "workflow-defaults.yaml"
PIPELINE = K8S.parent / "pipeline.yaml"
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def faults(objects: list[Manifest], pools: Pools) -> list[str]:
    """Every fault. Shapes come first, since the other checks rely on them."""
    shapes = [
        *schemas.shapes(objects),
        *schemas.enums(objects),
        *schemas.amounts(objects),
        *schemas.schedules(objects),
    ]
    if shapes:
        return shapes
    namespace = next((one.name for one in objects if one.kind == "Namespace"), "default")
    around = references.surroundings(objects, pools, namespace)
    return [
        *pods.images(objects),
        *pods.privileges(objects),
        *pods.bounds(objects),
        *references.names(around),
        *references.selectors(around),
        *cluster.namespaces(objects),
        *cluster.rights(objects),
        *cluster.settings(around),
        *cluster.pages(around),
        *cluster.metrics(around),
        *capacity.queues(around, pools),
        *capacity.classes(around, pools),
        *capacity.budgets(around, pools),
    ]


def faults_of_runs(pipeline: Path, defaults: Path) -> list[str]:
    """Every fault of a compiled pipeline and of Argo's defaults, with the file that has it."""
    tasks, spec = compiled.read(pipeline), workflows.read(defaults)
    ends = [
        *workflows.retries(spec),
        *workflows.stopping(spec),
        *workflows.deadline(spec, tasks),
    ]
    return [
        *(f"{pipeline}: {fault}" for fault in compiled.faults(tasks)),
        *(f"{defaults}: {fault}" for fault in ends),
    ]


@app.command()
def check(
    overlay: Annotated[
        Path,
        typer.Argument(
            help="A folder with a kustomization, such as k8s/overlays/gke.", parser=given_path
        ),
    ],
    pools: Annotated[
        Path | None,
        typer.Option(
            help="The node pools that runs will use; else the overlay's own, or k8s/pools.yaml.",
            parser=given_path,
        ),
    ] = None,
    pipeline: Annotated[
        Path,
        typer.Option(
            help="What `pipeline.py compile` wrote, for example with other pools.",
            parser=given_path,
        ),
    ] = PIPELINE,
) -> None:
    """Build an overlay and check it, with the compiled pipeline and Argo's defaults.

    The checks: schemas of the four newest Kubernetes versions, references, selectors, security,
    node pools; retries, caching, volumes and time limits of a run.
    """
    own = overlay / "pools.yaml"
    objects = build(overlay)
    wrong = [
        *faults(objects, load_pools(pools or (own if own.is_file() else POOLS))),
        *faults_of_runs(pipeline, DEFAULTS),
    ]
    if wrong:
        raise WordbrushError(
            "\n".join([f"{overlay} has {len(wrong)} fault{'s' * (len(wrong) > 1)}:", *wrong])
        )
    print(
        f"{overlay}: {len(objects)} objects, good for Kubernetes {schemas.VERSIONS[0]} to "
        f"{schemas.VERSIONS[-1]}. Checked with it: {pipeline}, {DEFAULTS}."
    )


if __name__ == "__main__":
    run_command(app, "manifests")
