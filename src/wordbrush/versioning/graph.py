"""dvc.yaml's two graphs: `drawn` makes its pictures and speech, `recorded` takes a collection's.

One file holds both. Lines that belong to the other graph are comments that begin with `#~ `: the
stages whose `meta` names it, and inputs that no stage of this graph makes. DVC has no switch for
this: parameters cannot lengthen or shorten a stage's list of inputs, and two stages cannot write to
one folder, even if they are in two files. A `matrix` over a list that may be empty would leave
stages out, but it would also rename those that stay.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from wordbrush.errors import WordbrushError
from wordbrush.storage.files import read_text, whole_file
from wordbrush.storage.validation import validated
from wordbrush.storage.yaml import MISSING, parse_yaml
from wordbrush.versioning.places import DVC_FILE, outputs

Graph = Literal["drawn", "recorded"]
OFF = "#~ "  # before a line of the other graph
STAGE = re.compile(r"  ([\w-]+):$")
DATA = re.compile(r" +- (data/\S+)$")


def graph_of(values: Mapping[str, Any]) -> Graph:
    """The graph that parameters ask for. values: of params.yaml."""
    return "drawn" if values.get("collection") is None else "recorded"


def definition(text: str) -> str:
    """The stages of both graphs, of a dvc.yaml that is arranged for either."""
    return "".join(line.removeprefix(OFF) for line in text.splitlines(keepends=True))


def all_stages(text: str) -> dict[str, dict[str, Any]]:
    """The stages of both graphs by name. Raises WordbrushError where the text has none."""
    found = parse_yaml(definition(text), Path(DVC_FILE)).get("stages")
    return validated(dict[str, dict[str, Any]], found, f"{DVC_FILE}: stages")


def arranged(text: str, graph: Graph) -> str:
    """A dvc.yaml as it is for `graph`. The result does not depend on what it was before."""
    stages = all_stages(text)
    own = {name: stage for name, stage in stages.items() if _meant(stage) in (None, graph)}
    nowhere = set(outputs({"stages": stages})) - set(outputs({"stages": own}))
    lines, here = [], True
    for line in definition(text).splitlines(keepends=True):
        if found := STAGE.match(line):
            here = found[1] in own
        needed = DATA.match(line)
        off = line.strip() and (not here or (needed and needed[1] in nowhere))
        lines.append(OFF + line if off else line)
    return "".join(lines)


def _meant(stage: dict[str, Any]) -> Any:
    """The graph that a stage is in, where it is not in both. DVC lets `meta` be anything."""
    meta = stage.get("meta")
    return meta.get("graph") if isinstance(meta, dict) else None


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
    """Raises WordbrushError where dvc.yaml has the other graph than the parameters ask for."""
    file, graph = folder / DVC_FILE, graph_of(values)
    text = read_text(file, MISSING)
    if text != arranged(text, graph):
        why = "names a collection" if graph == "recorded" else "names no collection"
        raise WordbrushError(
            f"params.yaml {why}, and {file} has the other graph: run `wordbrush graph`."
        )
