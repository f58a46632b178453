"""What a pipeline is compiled from, read and checked before anything is compiled."""

import io
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from wordbrush.corpora.shards import ABOUT
from wordbrush.errors import WordbrushError
from wordbrush.kubeflow import values
from wordbrush.kubeflow.compiler.groups import check_groups
from wordbrush.kubeflow.compiler.pools import Pools, load_pools
from wordbrush.kubeflow.tasks.provenance import Provenance
from wordbrush.params import Graph, parse
from wordbrush.presets import read_preset
from wordbrush.storage.layout import PARAMS
from wordbrush.storage.yaml import merge, read_yaml
from wordbrush.versioning.environment import RemoteConfig
from wordbrush.versioning.git import described_head
from wordbrush.versioning.graph import graph_of
from wordbrush.versioning.keys import edges, stage_keys
from wordbrush.versioning.records import marks
from wordbrush.versioning.workspace import scratch_workspace

UNMARKED = "unmarked"  # the mark of a stage whose outputs nobody looked for
LAST = "report"  # the stage whose lock is the run's


@dataclass(frozen=True)
class Plan:
    """All that a compiled pipeline is made of: a run can change nothing that decides results.

    params: the text of params.yaml. edges: each stage and those that it reads from, by address.
    keys: what each stage would compute, as a hash. cached: whether KFP's cache may answer.
    marks: what changes, by address, where the remote lost a stage's outputs.
    gate: whether the champion's gate closes the pipeline. retries: whether failed tasks run again.
    compares: whether no stage starts where the remote has the results of all keys.
    notify: the address of the KFP UI, to which the exit task's notice links; None: no exit task.
    ordered: what pages say of the order; no result depends on it.
    """

    source: Path
    params: str
    edges: dict[str, list[str]]
    keys: dict[str, str]
    image: str
    pools: Pools
    cached: bool = True
    marks: dict[str, str] = field(default_factory=dict)
    gate: bool = False
    retries: bool = True
    compares: bool = False
    notify: str | None = None
    ordered: Provenance = field(default_factory=Provenance)

    @property
    def graph(self) -> Graph:
        """The graph of dvc.yaml that the parameters ask for."""
        return graph_of(YAML(typ="safe").load(self.params))

    @property
    def run_key(self) -> str:
        """The key of the last stage, which says what all stages compute."""
        return self.keys[LAST]

    def labelled(self, labels: dict[str, str]) -> "Plan":
        """The plan with more labels for every pod."""
        pools = self.pools.model_copy(update={"labels": {**self.pools.labels, **labels}})
        return replace(self, pools=pools)

    def notifying(self, ui: str | None) -> "Plan":
        """The plan with an exit task, whose notice links to the KFP UI at this address."""
        return replace(self, notify=ui)

    def named(self, contained: bool = True) -> "Plan":
        """The plan with the commit of its source, which a committed file cannot name.

        contained: whether its tasks run in the image.
        """
        image = self.image if contained else None
        return replace(
            self, ordered=replace(self.ordered, commit=described_head(self.source), image=image)
        )

    def marked(self, remote: RemoteConfig) -> "Plan":
        """The plan with the marks of `remote`.

        KFP trusts its cache even where the objects are gone. A mark is a parameter of its stage,
        which every release of KFP compares, so stages whose outputs the remote lost run again.
        """
        with scratch_workspace(self.source, self.params, remote) as repo:
            return replace(self, marks=marks(repo, self.keys))

    def for_cluster(self) -> "Plan":
        """The plan itself. Raises WordbrushError: the nodes of its pools cannot pull its image."""
        if not self.pools.local:
            values.pullable_image(self.image)
        return self

    def mark(self, address: str) -> str:
        """The mark of a stage."""
        return self.marks.get(address, UNMARKED)


def make_plan(
    source: Path,
    preset: str | None,
    image: str,
    pools: Path,
    *,
    cached: bool = True,
    gate: bool = False,
    retries: bool = True,
    compares: bool = False,
    trial: int | None = None,
) -> Plan:
    """Read all that the user may have got wrong.

    source: the folder with dvc.yaml, params.yaml, presets/ and src. preset: what is laid over
    params.yaml. pools: the file of the node pools. trial: in place of the one in params.yaml. The
    others are as in Plan. Raises WordbrushError that names file and field.
    """
    values.image(image)
    params = params_text(source, preset, trial)
    with scratch_workspace(source, params, RemoteConfig("unused")) as repo:
        graph, keys = edges(repo), stage_keys(repo)
    nodes = load_pools(pools)
    check_groups(nodes, graph, pools)
    return Plan(
        source,
        params,
        graph,
        keys,
        image,
        nodes,
        cached,
        gate=gate,
        retries=retries,
        compares=compares,
        ordered=Provenance(preset, image),
    )


def usable_presets(source: Path) -> list[str]:
    """The presets by name, without those whose collection is not on this machine."""
    file, folder = source / PARAMS, source / "presets"
    base = read_yaml(file)
    return [
        preset.stem
        for preset in sorted(folder.glob("*.yaml"))
        if (found := merge(base, read_yaml(preset)))["collection"] is None
        or (source / found["collection"] / ABOUT).is_file()
    ]


def _collection(source: Path, values: dict[str, Any]) -> Path:
    """The folder of the collection, by its whole path: tasks work in folders of their own.

    Raises WordbrushError where it is not on this machine: keys are made of what it holds.
    """
    folder = (source / values["collection"]).resolve()
    if not (folder / ABOUT).is_file():
        raise WordbrushError(
            f"{folder} holds no collection ({ABOUT} is missing), and params.yaml names it: make it "
            "with `wordbrush data SOURCE TARGET`, or name another folder."
        )
    return folder


def params_text(source: Path, preset: str | None = None, trial: int | None = None) -> str:
    """params.yaml with a preset and a trial laid over it, without its comments."""
    file = source / PARAMS
    found = read_yaml(file)
    if preset is not None:
        found = merge(found, read_preset(preset, file, source / "presets"))
    if trial is not None:
        found = merge(found, {"trial": trial})
    parse(found, PARAMS if trial is None else f"{PARAMS} with --trial {trial}")
    if found["collection"] is not None:
        found["collection"] = str(_collection(source, found))
    text = io.StringIO()
    YAML(typ="safe").dump(found, text)
    return text.getvalue()
