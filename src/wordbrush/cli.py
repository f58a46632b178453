"""`wordbrush STAGE` runs one stage in the current folder; the helper verbs look after parameters and results."""

import os

# How long OpenMP threads spin at a barrier before they sleep. Its default (100,000s of turns) costs 2–5 times on a busy machine,
# none (OMP_WAIT_POLICY=PASSIVE) costs a third to a half on a quiet one; some microseconds cost neither (docs/log.md).
os.environ.setdefault("GOMP_SPINCOUNT", "5000")

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from wordbrush import params as parameters
from wordbrush.errors import WordbrushError, run_command
from wordbrush.process import is_main, is_worker
from wordbrush.report import timings
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.training import launch, signals

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Learns what spoken words mean by drawing pictures.",
)
PARAMS_FILE, DVC_FILE = Path(PARAMS), Path("dvc.yaml")


def one_of(*allowed: str) -> Callable[[typer.CallbackParam, str], str]:
    """A check of an option's value that names what is allowed."""

    def check(option: typer.CallbackParam, value: str) -> str:
        if value not in allowed:
            raise WordbrushError(
                f"--{option.name} {value!r} is unknown; allowed are {', '.join(allowed)}."
            )
        return value

    return check


MiningOption = Annotated[
    str,
    typer.Option(
        help="Negative mining: random, semi-hard or hard.",
        callback=one_of("random", "semi-hard", "hard"),
    ),
]


def run_stage(name: str, resumes: bool, trains: bool, **options: str) -> None:
    """Run a stage, in several processes where it trains and the environment asks for them, and report how it goes and ends."""
    if trains and (count := launch.wanted()) > 1:
        signals.install()
        launch.launch(count)
        return
    from wordbrush.telemetry.outcome import reported

    with reported(name, **options) if is_main() else launch.following():
        run_module(name, resumes, **options)


def run_module(name: str, resumes: bool, **options: str) -> None:
    """Run the stage module `stages.NAME` on params.yaml of the current folder."""
    params = parameters.load(PARAMS_FILE)
    started = time.monotonic()
    signals.install(is_worker())
    module = importlib.import_module(
        f"wordbrush.stages.{name.replace('-', '_')}"
    )  # torch loads only now
    from wordbrush.telemetry import gpu
    from wordbrush.training import checkpoints
    from wordbrush.training.compute import keep_freed_memory, set_seed
    from wordbrush.training.parallel import joined
    from wordbrush.versioning.fingerprint import fingerprint

    keep_freed_memory()
    set_seed(params.seed)
    gpu.watch()
    with joined():
        if (
            resumes and DVC_FILE.is_file()
        ):  # which says what a result depends on: without it, no checkpoint could be trusted
            kept = checkpoints.for_stage(
                fingerprint(name, options.get("mining")), params.checkpoints.minutes
            )
            module.run(params, Layout(), checkpoints=kept, **options)
            kept.clear()
        else:
            module.run(params, Layout(), **options)
    if is_main():
        timings.record(Layout(), " ".join([name, *options.values()]), time.monotonic() - started)


def _stage(
    name: str, summary: str, mining: bool = False, resumes: bool = False, trains: bool = False
) -> None:
    if mining:

        def command(mining: MiningOption) -> None:
            run_stage(name, resumes, trains, mining=mining)
    else:

        def command() -> None:
            run_stage(name, resumes, trains)

    app.command(name, help=summary, rich_help_panel="Stages")(command)


_stage(
    "render-scenes",
    "Render CLEVR scenes with masks, and pairs that differ in one attribute.",
    resumes=True,
)
_stage("train-gan", "Train a progressive GAN to draw the scenes.", resumes=True, trains=True)
_stage(
    "train-segmenter",
    "Train the reader of scenes: objects and their attributes.",
    resumes=True,
    trains=True,
)
_stage("sample-images", "Draw pictures from random latents.", resumes=True)
_stage("synthesize-captions", "Describe every picture in words and speak them.", resumes=True)
_stage(
    "pretrain-davenet", "Learn to match speech and picture.", mining=True, resumes=True, trains=True
)
_stage(
    "random-edits",
    "Train on against random edits at the salient spot.",
    mining=True,
    resumes=True,
    trains=True,
)
_stage("cluster-units", "Discover concepts, and the GAN units that draw them.", mining=True)
_stage(
    "targeted-edits",
    "Train on against edits of one discovered concept.",
    mining=True,
    resumes=True,
    trains=True,
)
_stage("evaluate", "Measure the six methods as the paper does.")
_stage("report", "Write the self-contained page of results.")


@app.command(rich_help_panel="Helpers")
def preset(name: Annotated[str, typer.Argument(help="A file of presets/, such as small.")]) -> None:
    """Apply presets/NAME.yaml to params.yaml; comments stay. Only what the preset names changes."""
    from wordbrush.presets import apply

    apply(name, PARAMS_FILE, Path("presets"))
    print(f"{PARAMS_FILE} now holds the preset {name}.")


@app.command(rich_help_panel="Helpers")
def check() -> None:
    """Check params.yaml and every preset, and say what is wrong where."""
    from wordbrush.presets import check_all

    for checked in check_all(PARAMS_FILE, Path("presets")):
        print(f"{checked}: good")


@app.command(rich_help_panel="Helpers")
def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Put right what can be put right.")] = False,
    image: Annotated[
        bool, typer.Option("--image", help="Look at the container image that this runs in instead.")
    ] = False,
) -> None:
    """Look at environment, parameters, and every byte of the artifacts in folder, cache, remote; exit code 1: one is wrong."""
    if fix and image:
        raise WordbrushError(
            "--fix and --image exclude each other: an image is not put right but built again."
        )
    if image:
        from wordbrush import container
        from wordbrush.versioning.runs import source_from_environment

        good = container.examine(source_from_environment())
    else:
        from wordbrush.doctor import examine

        good = examine(Path("."), fix)
    if not good:
        raise typer.Exit(1)


@app.command(rich_help_panel="Helpers")
def remote(
    place: Annotated[str, typer.Argument(help="gs://bucket/prefix, or a folder.")],
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Of gs://: projectname, endpointurl or allow_anonymous_login.",
        ),
    ] = None,
) -> None:
    """Keep artifacts at PLACE from now on: try it, then make it DVC's default remote."""
    from wordbrush.versioning.remote import set_remote

    set_remote(Path("."), place, option or ())


@app.command("import", rich_help_panel="Helpers")
def import_(
    source: Annotated[
        str, typer.Argument(help="A zip, tar or tar.gz at gs://bucket/name or https://…")
    ],
    target: Annotated[Path, typer.Argument(help="The folder that it becomes.")],
    sha256: Annotated[str | None, typer.Option(help="What the archive's hash must be.")] = None,
) -> None:
    """Download an archive, such as CLEVR_v1.0.zip, and unpack it; called again, it goes on where it was."""
    from wordbrush.importing import import_archive

    signals.install()
    import_archive(source, target, sha256)


@app.command(rich_help_panel="Helpers")
def champion(
    target: Annotated[Path | None, typer.Argument(help="A folder for the model's files.")] = None,
    registry: Annotated[
        str | None, typer.Option(help="A folder or gs://bucket/prefix; or set WORDBRUSH_REGISTRY.")
    ] = None,
) -> None:
    """Show the model that serves; with TARGET, fetch its files too."""
    from wordbrush.registry.champion import show_champion

    show_champion(registry, target)


@app.command(rich_help_panel="Helpers")
def export(
    target: Annotated[Path, typer.Argument(help="The folder that the model becomes.")],
) -> None:
    """Write the full method's model of a finished run to a folder, with model card and dataset card."""
    from wordbrush.model.export import export as export_model
    from wordbrush.versioning.origin import origin

    layout = Layout()
    export_model(parameters.load(PARAMS_FILE), layout, target, origin(layout.root))


@app.command(rich_help_panel="Helpers")
def measure(
    mining: MiningOption,
    on: Annotated[
        str,
        typer.Option(
            help="validation: its pairs, and fresh drawings, to choose by; or tests, to report.",
            callback=one_of("validation", "tests"),
        ),
    ] = "validation",
    keep: Annotated[
        Path, typer.Option(help="The folder that keeps the fresh drawings for the next call.")
    ] = Path(".wordbrush/validation"),
) -> None:
    """Print, as JSON, what the trained encoders of one mining reach."""
    import json

    from wordbrush.evaluation.validation import measure_methods

    print(
        json.dumps(
            measure_methods(parameters.load(PARAMS_FILE), Layout(), mining, on, keep), indent=1
        )
    )


@app.command(rich_help_panel="Helpers")
def show() -> None:
    """Print the results table and write report.html: the page with this machine's run times."""
    from wordbrush.report.show import show_results

    show_results(Layout())


def main() -> None:
    """Entry point."""
    run_command(app, "wordbrush")


if __name__ == "__main__":
    main()
