"""dvc.yaml's graphs: `drawn` makes its pictures and speech, `recorded` takes a collection's, and
`redrawn` also learns to draw the collection's pictures, and edits them.

One file holds all. Lines that do not belong to the graph in use are comments that begin with `#~ `:
the stages whose `meta` names others, inputs that no stage of this graph makes, and single lines
that end with the names of others (`# graph: redrawn`). DVC has no switch for this: parameters
cannot lengthen or shorten a stage's list of inputs, and two stages cannot write to one folder, even
if they are in two files. A `matrix` over a list that may be empty would leave stages out, but it
would also rename those that stay.
"""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from wordbrush.errors import WordbrushError
from wordbrush.params import GRAPHS, MININGS, Graph, graph_asked
from wordbrush.storage.files import read_text, whole_file
from wordbrush.storage.validation import validated
from wordbrush.storage.yaml import MISSING, parse_yaml
from wordbrush.versioning.places import DVC_FILE, outputs

OFF = "#~ "  # before a line of other graphs
STAGE = re.compile(r"  ([\w-]+):$")
DATA = re.compile(r" +- (data/\S+)$")
MINING = "${item.mining}"
MARKED = re.compile(r"  # graph: ([a-z, ]+)$")


ASKING: dict[Graph, str] = {
    "drawn": "names no collection",
    "recorded": "names a collection",
    "redrawn": "names a collection to be redrawn",
}


def graph_of(values: Mapping[str, Any]) -> Graph:
    """The graph that parameters ask for. values: of params.yaml."""
    return graph_asked(values.get("collection"), values.get("redraw"))


def definition(text: str) -> str:
    """The stages of all graphs, of a dvc.yaml that is arranged for any."""
    return "".join(line.removeprefix(OFF) for line in text.splitlines(keepends=True))


def all_stages(text: str) -> dict[str, dict[str, Any]]:
    """The stages of all graphs by name. Raises WordbrushError where the text has none."""
    found = parse_yaml(definition(text), Path(DVC_FILE)).get("stages")
    return validated(dict[str, dict[str, Any]], found, f"{DVC_FILE}: stages")


def arranged(text: str, graph: Graph) -> str:
    """A dvc.yaml as it is for `graph`. The result does not depend on what it was before."""
    stages = all_stages(text)
    own = {name: stage for name, stage in stages.items() if graph in _meant(stage)}
    nowhere = set(outputs({"stages": stages})) - set(outputs({"stages": own}))
    lines, here = [], True
    for line in definition(text).splitlines(keepends=True):
        if found := STAGE.match(line):
            here = found[1] in own
        needed, marked = DATA.match(line), MARKED.search(line)
        other = (needed and needed[1].replace(MINING, MININGS[0]) in nowhere) or (
            marked and graph not in marked[1].split(", ")
        )
        off = line.strip() and (not here or other)
        lines.append(OFF + line if off else line)
    return "".join(lines)


def arrangement(text: str) -> Graph:
    """The graph that a dvc.yaml is arranged for; `drawn` where it is for none."""
    return next((graph for graph in GRAPHS if arranged(text, graph) == text), GRAPHS[0])


def _meant(stage: dict[str, Any]) -> Collection[str]:
    """The graphs that a stage is in: all, or those that it names. DVC lets `meta` be anything."""
    meta = stage.get("meta")
    named = meta.get("graph") if isinstance(meta, dict) else None
    return [named] if isinstance(named, str) else named or GRAPHS


def arrange(folder: Path, values: Mapping[str, Any]) -> Graph:
    """Arrange the dvc.yaml of a folder for the parameters `values`; returns the graph.

    Raises WordbrushError where dvc.yaml is missing or broken.
    """
    file, graph = folder / DVC_FILE, graph_of(values)
    text = read_text(file, MISSING)
    if (wanted := arranged(text, graph)) != text:
        with whole_file(file) as scratch:
            scratch.write_text(wanted, encoding="utf-8")
    return graph


def require_arranged(folder: Path, values: Mapping[str, Any]) -> None:
    """Raises WordbrushError where dvc.yaml has another graph than the parameters ask for."""
    file, graph = folder / DVC_FILE, graph_of(values)
    text = read_text(file, MISSING)
    if text != arranged(text, graph):
        raise WordbrushError(
            f"params.yaml {ASKING[graph]}, and {file} has another graph: run `wordbrush graph`."
        )
