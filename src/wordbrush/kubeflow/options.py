"""The options that several commands of pipeline.py share. Quick to import: no kfp."""

from pathlib import Path
from typing import Annotated

import typer

from wordbrush.storage.paths import given_path

HOST, NAMESPACE, NAME = "http://localhost:8080", "kubeflow", "wordbrush"
EVERY = 15.0  # seconds

PresetOption = Annotated[str | None, typer.Option(help="Lay presets/PRESET.yaml over params.yaml.")]
ImageOption = Annotated[
    str | None,
    typer.Option(
        envvar="WORDBRUSH_IMAGE", help="The image; for a cluster REGISTRY/NAME@sha256:DIGEST."
    ),
]
RemoteOption = Annotated[
    str | None, typer.Option(envvar="WORDBRUSH_REMOTE", help="The DVC remote, a folder or gs://….")
]
PoolsOption = Annotated[Path, typer.Option(help="The node pools.", parser=given_path)]
HostOption = Annotated[
    str, typer.Option(envvar="WORDBRUSH_KFP_HOST", help="The Kubeflow Pipelines server.")
]
NamespaceOption = Annotated[
    str, typer.Option(envvar="WORDBRUSH_KFP_NAMESPACE", help="The profile's namespace.")
]
ExperimentOption = Annotated[
    str, typer.Option(envvar="WORDBRUSH_KFP_EXPERIMENT", help="The experiment that runs belong to.")
]
RootOption = Annotated[
    str | None,
    typer.Option(
        envvar="WORDBRUSH_KFP_ROOT", help="Where KFP keeps pages and metrics, such as gs://…."
    ),
]
AccountOption = Annotated[
    str | None,
    typer.Option(
        envvar="WORDBRUSH_KFP_SERVICE_ACCOUNT", help="The pods' service account; runs need one."
    ),
]
NotifyOption = Annotated[
    bool,
    typer.Option(
        "--notify",
        help="Post the run's end to the webhook that the Secret wordbrush-webhook names.",
    ),
]
NameOption = Annotated[str, typer.Option(help="The name shown by the server.")]
RunNameOption = Annotated[
    str | None, typer.Option(help="The name shown by the server; by default PRESET-COMMIT.")
]
GateOption = Annotated[
    bool, typer.Option("--gate", help="End with the champion's gate, as scheduled runs do.")
]
NoCacheOption = Annotated[
    bool,
    typer.Option(
        "--no-cache",
        help="Start the pod of every stage, whatever KFP has cached. A pod still fetches "
        "outputs that the remote has; it runs its stage only if they are missing.",
    ),
]
DockerOption = Annotated[
    bool,
    typer.Option(
        "--docker",
        help="Run each stage in a container of --image: read-only, without "
        "network or root. All output goes to .wordbrush/kfp.",
    ),
]
RegistryOption = Annotated[
    str, typer.Option(envvar="WORDBRUSH_REGISTRY", help="Where champions are kept.")
]
CronOption = Annotated[
    str | None,
    typer.Option(help="Six fields in UTC, seconds first, such as '0 0 3 * * 1', or @daily."),
]
WaitOption = Annotated[
    bool, typer.Option("--wait", help="Follow the run; exit code 1 if it fails.")
]
LockOption = Annotated[Path, typer.Option(help="Where the merged lock goes.", parser=given_path)]
TargetOption = Annotated[Path, typer.Option(help="The lock to write.", parser=given_path)]
TrialOption = Annotated[
    int | None, typer.Option(help="The trial, in place of the one in params.yaml.")
]
NoteOption = Annotated[str | None, typer.Option(help="What the server shows beside the name.")]
EveryOption = Annotated[float, typer.Option(help="Seconds between two polls.")]
RunArgument = Annotated[
    str, typer.Argument(help="The run's id, or a beginning that no other run has.")
]
