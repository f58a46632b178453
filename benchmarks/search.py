"""`python -m benchmarks.search INDEX`: recall, time, memory and disk of a search index.

The queries are spoken descriptions of other drawings, by voices that the anchors were not found in.
Recall is the share of the exact ten best pictures that a search returns. Exact are the scores of
all pictures: with the features of the index (`int8`), or with features of pictures that are seen
once more (`float32`), which takes as long as the index took; `none` measures time alone. Processor
time is beside the time that passed, since it does not depend on what else the machine does.
"""

import json as jsons
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import faiss
import numpy as np
import psutil
import torch
import typer
from torch import Tensor

from benchmarks.machine import facts
from wordbrush.cli import one_of
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.kernels import similarities, slices
from wordbrush.errors import run_command
from wordbrush.model import Model, load_model
from wordbrush.process import usable_cores
from wordbrush.search.anchors import described
from wordbrush.search.index import Index, open_index
from wordbrush.storage.files import write_json
from wordbrush.storage.paths import given_path
from wordbrush.telemetry.progress import track

TOP = 10
TAKEN = (100, 300, 1000, 3000)  # candidates
BLOCK = 1024  # pictures whose exact scores are computed at a time
SEED, VOICES = 28, ("en-us+m2", "en-us+f2")
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=__doc__)
def main(
    folder: Annotated[Path, typer.Argument(help="An index of drawings.", parser=given_path)],
    model: Annotated[Path, typer.Option(help="Its model.", parser=given_path)] = Path(
        "models/small"
    ),
    queries: Annotated[int, typer.Option(help="Spoken descriptions.", min=1)] = 100,
    exact: Annotated[
        str, typer.Option(help="int8, float32 or none.", callback=one_of("int8", "float32", "none"))
    ] = "int8",
    threads: Annotated[
        int | None, typer.Option(help="Of PyTorch and faiss; all cores if not given.", min=1)
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Where to write the numbers.", parser=given_path)
    ] = None,
) -> None:
    torch.set_num_threads(threads or usable_cores())
    faiss.omp_set_num_threads(threads or usable_cores())
    loaded = load_model(model)
    before, began = psutil.Process().memory_info().rss, time.perf_counter()
    index = open_index(folder, model)
    found = {**facts(), "pictures": len(index), "seconds_to_open": time.perf_counter() - began}
    found["bytes_in_memory"] = psutil.Process().memory_info().rss - before
    found["bytes_on_disk"] = sum(path.stat().st_size for path in folder.rglob("*.*"))
    said = [
        loaded.hear_prepared(sound)[0].cpu() for sound in described(loaded, SEED, queries, VOICES)
    ]
    best = None
    if exact != "none":
        best = exact_best(index, loaded if exact == "float32" else None, said)
    found["exact"] = exact
    found["searches"] = [searched(index, said, best, count) for count in TAKEN]
    print(jsons.dumps(found, indent=1))
    if json:
        write_json(json, found)


def searched(
    index: Index, said: list[Tensor], best: list[set[int]] | None, count: int
) -> dict[str, Any]:
    """Of so many candidates: milliseconds a query, and recall in percent where the exact ten best
    are known."""
    passed, worked, worked_first, found = [], [], [], []
    for speech in said:
        began = time.process_time()
        index.candidates(speech, count)
        worked_first.append(time.process_time() - began)
        began, clock = time.process_time(), time.perf_counter()
        found.append(set(index.find(speech, TOP, count).numbers))
        worked.append(time.process_time() - began)
        passed.append(time.perf_counter() - clock)
    told = {
        "candidates": count,
        "milliseconds": round(1000 * float(np.median(passed)), 1),
        "milliseconds_95": round(1000 * float(np.quantile(passed, 0.95)), 1),
        "processor_milliseconds": round(1000 * float(np.median(worked)), 1),
        "processor_milliseconds_of_candidates": round(1000 * float(np.median(worked_first)), 1),
    }
    if best is None:
        return told
    shares = np.array([len(one & own) / TOP for one, own in zip(best, found, strict=True)])
    return told | {
        "recall": round(100 * float(shares.mean()), 2),
        "whole_sets": round(100 * float((shares == 1).mean()), 1),
    }


def exact_best(index: Index, model: Model | None, said: list[Tensor]) -> list[set[int]]:
    """The TOP pictures of each utterance by exact scores, of all pictures.

    model: sees them once more; None: the features of the index.
    """
    lengths = torch.tensor([speech.shape[1] for speech in said])
    padded = torch.zeros(len(said), said[0].shape[0], int(lengths.max()))
    for row, speech in zip(padded, said, strict=True):
        row[:, : speech.shape[1]] = speech
    heard = Encoded(padded, lengths)
    best, numbers = torch.zeros(len(said), 0), torch.zeros(len(said), 0, dtype=torch.long)
    for first, features in blocks(index, model):
        scores = similarities(Encoded(features), heard, "MISA").T
        here = torch.arange(first, first + len(features)).expand_as(scores)
        scores, here = torch.cat([best, scores], 1), torch.cat([numbers, here], 1)
        best, order = scores.topk(min(TOP, scores.shape[1]))
        numbers = here.gather(1, order)
    return [set(row) for row in numbers.tolist()]


def blocks(index: Index, model: Model | None) -> Iterator[tuple[int, Tensor]]:
    rows = list(slices(len(index), BLOCK))
    for block in track(rows, "exact scores", len(rows), "block"):
        wanted = np.arange(len(index))[block]
        if model is None:
            yield block.start, index.features(wanted)
        else:
            yield block.start, model.see(index.pictures(model, wanted)).cpu()


if __name__ == "__main__":
    run_command(app, "benchmarks.search")
