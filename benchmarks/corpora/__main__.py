"""`python -m benchmarks.corpora SHAPE`: importing and loading a collection of full size.

SHAPE is spoken-coco or places. Samples of two sizes are generated and imported, so that it shows
whether rates and memory stay as they are; times and disk of all of it follow from the larger one.
What grows with the rows is measured at the true number. The sound and the pictures of the larger
sample need some gigabytes, which are deleted in the end.
"""

import json as jsons
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.corpora import importing, tables, waiting
from benchmarks.corpora.shapes import SHAPES
from benchmarks.machine import facts
from wordbrush.cli import one_of
from wordbrush.errors import WordbrushError, run_command
from wordbrush.params import Params, parse
from wordbrush.storage.files import write_json
from wordbrush.storage.paths import given_path
from wordbrush.storage.yaml import merge, read_yaml

SEED = 0
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=__doc__)
def main(
    shape: Annotated[str, typer.Argument(callback=one_of(*SHAPES))],
    sizes: Annotated[tuple[int, int], typer.Option(help="Utterances of the two samples.")] = (
        2000,
        8000,
    ),
    batches: Annotated[int, typer.Option(help="That the loader makes.", min=1)] = 30,
    scratch: Annotated[
        Path | None, typer.Option(help="Where the samples lie meanwhile.", parser=given_path)
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Where to write the numbers.", parser=given_path)
    ] = None,
) -> None:
    chosen, least = SHAPES[shape], 10 * SHAPES[shape].captions
    if not least <= sizes[0] < sizes[1]:
        raise WordbrushError(f"--sizes: the first must be {least} or more, the second larger.")
    found = {**facts(), "shape": shape}
    samples = []
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            pictures = size // chosen.captions
            samples.append(importing.import_sample(Path(folder), chosen, pictures, SEED))
    found["samples"] = [one.record() for one in samples]
    found["whole"] = importing.whole(chosen, *samples)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        found["tables"] = tables.measure(Path(folder), chosen, paper(), batches)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        found["waiting"] = waiting.measure(Path(folder), chosen, paper(), small(), batches)
    print(jsons.dumps(found, indent=1))
    if json:
        write_json(json, found)


def paper() -> Params:
    """The preset paper, with captions divided by length as in recorded."""
    values = merge(
        read_yaml(importing.ROOT / "params.yaml"),
        read_yaml(importing.ROOT / "presets/paper.yaml"),
    )
    return parse(merge(values, {"davenet": {"length_pool": 16}}), "paper")


def small() -> Params:
    """The preset recorded."""
    changes = read_yaml(importing.ROOT / f"presets/{importing.PRESET}.yaml")
    return parse(merge(read_yaml(importing.ROOT / "params.yaml"), changes), "recorded")


if __name__ == "__main__":
    run_command(app, "benchmarks.corpora")
