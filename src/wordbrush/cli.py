"""`wordbrush STAGE` runs a stage in the current folder; other verbs help with what is around it.

The commands of the stages come from the table (stages/table.py).
"""

import os

# How long OpenMP threads spin at a barrier before they sleep. The default, hundreds of thousands of
# turns, makes a stage two to five times as slow on a busy machine; none at all (the setting
# OMP_WAIT_POLICY=PASSIVE) costs a third to a half on a quiet one; a few microseconds cost neither
# (docs/log.md). It must be set before PyTorch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from wordbrush import params as parameters
from wordbrush.errors import Stopped, WordbrushError, run_command
from wordbrush.stages import running
from wordbrush.stages.table import STAGES, Stage
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.storage.paths import given_path
from wordbrush.training import signals

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Learns what spoken words mean by drawing pictures.",
)
PARAMS_FILE = Path(PARAMS)


def one_of(*allowed: str) -> Callable[[typer.CallbackParam, str | None], str | None]:
    """A check of an option's value whose error names what is allowed."""

    def check(option: typer.CallbackParam, value: str | None) -> str | None:
        if value is not None and value not in allowed:
            raise WordbrushError(
                f"--{option.name} {value!r} is unknown; allowed are {', '.join(allowed)}."
            )
        return value

    return check


KINDS = get_args(parameters.Mining)
# What `wordbrush data` reads; a test compares it with the table of readers, which loads much more.
SOURCES = ("flickr8k", "places", "coco", "huggingface", "folder", "tuxpaint")
MiningOption = Annotated[
    str,
    typer.Option(
        help=f"Negative mining: {', '.join(KINDS[:-1])} or {KINDS[-1]}.", callback=one_of(*KINDS)
    ),
]


def add_stage(stage: Stage) -> None:
    """Make a command of a stage."""

    def once() -> None:
        running.run(stage)

    def per_mining(mining: MiningOption) -> None:
        running.run(stage, mining=mining)

    command: Callable[..., None] = per_mining if stage.per_mining else once
    app.command(stage.name, help=f"{stage.summary}.", rich_help_panel="Stages")(command)


for one in STAGES:
    add_stage(one)


@app.command(rich_help_panel="Helpers")
def stages(
    mining: Annotated[
        str | None,
        typer.Option(
            help="Print what `dvc repro` calls the stages of params.yaml that run once per mining, "
            "for this one.",
            callback=one_of(*parameters.MININGS),
        ),
    ] = None,
) -> None:
    """List the stages in their order."""
    if mining is None:
        for stage in STAGES:
            print(f"{stage.name:20} {stage.summary}.")
        return
    from wordbrush.storage.yaml import read_yaml
    from wordbrush.versioning.graph import graph_of

    graph = graph_of(read_yaml(PARAMS_FILE))
    for stage in STAGES:
        if stage.per_mining and graph in stage.graphs:
            print(f"{stage.name}@{mining}")


@app.command(rich_help_panel="Helpers")
def preset(name: Annotated[str, typer.Argument(help="A file of presets/, such as small.")]) -> None:
    """Apply presets/NAME.yaml to params.yaml: only what the preset names changes; comments stay."""
    from wordbrush.presets import apply, strays
    from wordbrush.storage.yaml import read_yaml
    from wordbrush.versioning import graph as graphs
    from wordbrush.versioning.git import committed

    apply(name, PARAMS_FILE, Path("presets"))
    print(f"{PARAMS_FILE} now holds the preset {name}.")
    text = committed(PARAMS_FILE)
    if text is not None and (others := strays(PARAMS_FILE, name, Path("presets"), text)):
        print(
            f"It also has what was changed before: {', '.join(others)}. To have the preset alone: "
            f"git checkout {PARAMS_FILE}, then wordbrush preset {name}."
        )
    if running.DVC_FILE.is_file():
        graphs.arrange(Path("."), read_yaml(PARAMS_FILE))


@app.command(rich_help_panel="Helpers")
def graph() -> None:
    """Arrange dvc.yaml for params.yaml: a collection needs other stages than drawings do."""
    from wordbrush.storage.yaml import read_yaml
    from wordbrush.versioning import graph as graphs

    parameters.load(PARAMS_FILE)
    print(f"{running.DVC_FILE}: {graphs.arrange(Path('.'), read_yaml(PARAMS_FILE))}")


@app.command(rich_help_panel="Helpers")
def check() -> None:
    """Check params.yaml, the folders it names, and every preset: what no stage could use."""
    from wordbrush.stages.preflight import check_all

    for checked in check_all(PARAMS_FILE, Path("presets")):
        print(f"{checked}: good")


@app.command(rich_help_panel="Helpers")
def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Repair what can be repaired.")] = False,
    image: Annotated[
        bool, typer.Option("--image", help="Check the container image that this runs in instead.")
    ] = False,
) -> None:
    """Check environment, parameters, and every byte of the artifacts in folder, cache and remote.

    Exit code 1: something is wrong.
    """
    if fix and image:
        raise WordbrushError(
            "--fix and --image exclude each other: an image is not repaired but built again."
        )
    if image:
        from wordbrush import container
        from wordbrush.versioning.environment import source_from_environment

        good = container.examine(source_from_environment())
    else:
        from wordbrush.doctor import examine

        good = examine(Path("."), fix)
    if not good:
        raise typer.Exit(1)


@app.command(rich_help_panel="Helpers")
def remote(
    address: Annotated[str, typer.Argument(help="gs://bucket/prefix, or a folder.")],
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Of gs://: projectname, endpointurl or allow_anonymous_login.",
        ),
    ] = None,
) -> None:
    """Keep artifacts at ADDRESS from now on: try it out, then make it DVC's default remote."""
    from wordbrush.versioning.remote import set_remote

    set_remote(Path("."), address, option or ())


@app.command("import", rich_help_panel="Helpers")
def import_(
    source: Annotated[
        str, typer.Argument(help="A zip, tar or tar.gz at gs://bucket/name or https://…")
    ],
    target: Annotated[Path, typer.Argument(help="The folder that it becomes.", parser=given_path)],
    sha256: Annotated[str | None, typer.Option(help="What the archive's hash must be.")] = None,
) -> None:
    """Download an archive, such as CLEVR_v1.0.zip, and unpack it. Called again, it resumes."""
    from wordbrush.importing import import_archive

    signals.install()
    import_archive(source, target, sha256)


@app.command(rich_help_panel="Helpers")
def data(
    source: Annotated[
        Path,
        typer.Argument(
            help="A folder with pictures, recordings and lists, or one list in it.",
            parser=given_path,
        ),
    ],
    target: Annotated[
        Path, typer.Argument(help="The folder that the collection becomes.", parser=given_path)
    ] = Path("data/recorded"),
    only_check: Annotated[bool, typer.Option("--check", help="Import nothing.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Any fault is an error.")] = False,
    reader: Annotated[
        str | None,
        typer.Option(
            help="The form of the source, where it is not recognised: " + ", ".join(SOURCES) + ".",
            callback=one_of(*SOURCES),
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(help="A folder where pictures are, beside the source.", parser=given_path),
    ] = None,
    sounds: Annotated[
        Path | None,
        typer.Option(help="A folder where recordings are, beside the source.", parser=given_path),
    ] = None,
    lists: Annotated[
        str, typer.Option(help="Which lists of a folder are read, as in '*_2020.json'.")
    ] = "*",
    language: Annotated[
        str, typer.Option(help="The language of rows that name none, as in en.")
    ] = "",
    languages: Annotated[
        str, typer.Option(help="The only languages that are imported, as in fr,ru.")
    ] = "",
    side: Annotated[
        int, typer.Option(help="Pixels that the shorter side of a picture has at most.", min=8)
    ] = 256,
    background: Annotated[
        str, typer.Option(help="The colour behind what is transparent, as in '#808080'.")
    ] = "white",
    longest: Annotated[float, typer.Option(help="Seconds that an utterance may last.")] = 60,
    divide: Annotated[
        str,
        typer.Option(
            help="Where there are no splits, what lies in one alone: picture, speaker or both.",
            callback=one_of("picture", "speaker", "both"),
        ),
    ] = "picture",
    validation: Annotated[float, typer.Option(help="Its share of pictures or speakers.")] = 0.1,
    test: Annotated[float, typer.Option(help="Its share of pictures or speakers.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Of the division into splits.", min=0)] = 0,
) -> None:
    """Check your own pictures and recordings, and import them. Called again, it resumes."""
    from wordbrush.corpora.division import By, Division
    from wordbrush.corpora.intake import Settings, take_in
    from wordbrush.corpora.pictures import Look
    from wordbrush.corpora.readers.source import Source

    signals.install()
    settings = Settings(
        reader,
        Look(side, background),
        longest,
        Division(cast(By, divide), validation, test, seed),
        tuple(one.strip() for one in languages.split(",") if one.strip()),
    )
    take_in(Source(source, pictures, sounds, lists, language), target, settings, only_check, strict)


@app.command(rich_help_panel="Helpers")
def champion(
    target: Annotated[
        Path | None, typer.Argument(help="A folder for the model's files.", parser=given_path)
    ] = None,
    registry: Annotated[
        str | None,
        typer.Option(help="A folder, gs://…, s3://… or az://…; or set WORDBRUSH_REGISTRY."),
    ] = None,
) -> None:
    """Show the model that serves; with TARGET, fetch its files too."""
    from wordbrush.registry.champion import show_champion

    show_champion(registry, target)


@app.command(rich_help_panel="Helpers")
def export(
    target: Annotated[
        Path, typer.Argument(help="The folder that the model becomes.", parser=given_path)
    ],
) -> None:
    """Write the model of the full method, with model card and dataset card, to a folder."""
    from wordbrush.model.export import export as export_model
    from wordbrush.versioning.origin import origin

    layout = Layout()
    export_model(parameters.load(PARAMS_FILE), layout, target, origin(layout.root))


@app.command(rich_help_panel="Helpers")
def explore(
    model: Annotated[
        Path,
        typer.Argument(help="The folder of a model, as export writes it.", parser=given_path),
    ] = Path("models/small"),
    host: Annotated[
        str, typer.Option(help="The address to listen at; beyond this machine it needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any that is free.", min=0, max=65535)] = 8027,
    token: Annotated[str | None, typer.Option(help="What visitors must know.")] = None,
    address: Annotated[
        str | None,
        typer.Option(help="Where people reach it through a proxy: https://explore.example.org."),
    ] = None,
    pictures: Annotated[
        int, typer.Option(help="Pictures in the gallery that is searched.", min=12, max=2048)
    ] = 96,
    gallery: Annotated[
        Path | None,
        typer.Option(
            help="A folder of pictures, or an imported collection, in place of drawings.",
            parser=given_path,
        ),
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option(
            help="What wordbrush index made: its pictures are shown, and Find searches all of it.",
            parser=given_path,
        ),
    ] = None,
) -> None:
    """Open a page on a model that listens: pictures light up where they fit what is said."""
    from wordbrush.explorer.server import Shown
    from wordbrush.explorer.server import explore as serve
    from wordbrush.serving.sites import Place

    serve(model, Place(host, port, token, address), Shown(pictures, gallery, index))


@app.command(rich_help_panel="Helpers")
def index(
    target: Annotated[
        Path, typer.Argument(help="The folder that the index becomes.", parser=given_path)
    ],
    pictures: Annotated[
        Path | None,
        typer.Argument(
            help="A folder of pictures, or an imported collection, in place of drawings.",
            parser=given_path,
        ),
    ] = None,
    model: Annotated[
        Path, typer.Option(help="The folder of the model that sees them.", parser=given_path)
    ] = Path("models/small"),
    count: Annotated[
        int | None,
        typer.Option(help="How many drawings, or pictures at most; all if not given.", min=1),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the drawings.", min=0, max=2**31 - 1)] = 27,
) -> None:
    """Make an index of many pictures, for wordbrush explore --index. Called again, it resumes."""
    from wordbrush.search.building import build
    from wordbrush.search.sources import Drawings, source_at

    signals.install()
    if pictures is None and count is None:
        raise WordbrushError("say how many drawings are indexed (--count), or name pictures.")
    source = Drawings(count or 0, seed) if pictures is None else source_at(pictures, count)
    try:
        build(model, source, target)
    except Stopped as stopped:
        signal = stopped.reason.partition(";")[0]
        raise Stopped(f"{signal}; finished parts are kept: the same command resumes") from None
    print(f"{target} finds {len(source):,} pictures: wordbrush explore {model} --index {target}")


@app.command(rich_help_panel="Helpers")
def collect(
    pictures: Annotated[
        Path,
        typer.Argument(help="A folder of pictures, or an imported collection.", parser=given_path),
    ],
    store: Annotated[
        Path, typer.Argument(help="The folder that keeps what people say.", parser=given_path)
    ],
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any that is free.", min=0, max=65535)] = 8028,
    address: Annotated[
        str | None,
        typer.Option(help="Where people reach it through a proxy: https://collect.example.org."),
    ] = None,
    consent: Annotated[
        Path | None,
        typer.Option(help="What people agree to (YAML), in place of ours.", parser=given_path),
    ] = None,
    a_picture: Annotated[int, typer.Option(help="Descriptions of a picture, at most.", min=1)] = 5,
    a_speaker: Annotated[
        int, typer.Option(help="Pictures that a speaker describes, at most.", min=1)
    ] = 40,
    export: Annotated[
        Path | None,
        typer.Option(
            help="Serve no page, but write what was submitted to this folder, for wordbrush data.",
            parser=given_path,
        ),
    ] = None,
) -> None:
    """Open a page on which people describe pictures aloud, and keep what they say."""
    if export is not None:
        from wordbrush.collector.export import export_store

        print(f"{export} holds {export_store(store, export)} recordings: wordbrush data {export}")
        return
    from wordbrush.collector.server import collect as serve
    from wordbrush.collector.tasks import Quotas

    serve(pictures, store, host, port, address, consent, Quotas(a_picture, a_speaker))


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
        Path,
        typer.Option(
            help="The folder that keeps the fresh drawings for the next call.", parser=given_path
        ),
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
