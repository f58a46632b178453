"""What a pipeline is compiled from, read and checked before anything is compiled."""

import io
from dataclasses import dataclass, field, replace
from pathlib import Path

from ruamel.yaml import YAML

from wordbrush.kubeflow import values
from wordbrush.kubeflow.pools import Pools, load_pools
from wordbrush.params import parse
from wordbrush.presets import read_preset
from wordbrush.storage.layout import PARAMS
from wordbrush.storage.yaml import merge, read_yaml
from wordbrush.versioning.environment import RemoteConfig
from wordbrush.versioning.keys import edges, stage_keys
from wordbrush.versioning.records import marks
from wordbrush.versioning.workspace import scratch_workspace


@dataclass(frozen=True)
class Plan:
    """All that a compiled pipeline is made of: a run can change nothing that decides results.

    params: the text of params.yaml. edges: each stage and those that it reads from, by address.
    keys: what each stage would compute, as a hash. cached: whether KFP's cache may answer.
    marks: parts of the cache's keys that change where the remote lost a stage's outputs.
    gate: whether the champion's gate closes the pipeline. retries: whether failed tasks run again.
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

    def marked(self, remote: RemoteConfig) -> "Plan":
        """The plan with the marks of `remote`.

        KFP trusts its cache even where the objects are gone: with the marks, stages whose outputs
        the remote lost get another cache key.
        """
        with scratch_workspace(self.source, self.params, remote) as repo:
            return replace(self, marks=marks(repo, self.keys))

    def for_cluster(self) -> "Plan":
        """The plan itself. Raises WordbrushError: the nodes of its pools cannot pull its image."""
        if not self.pools.local:
            values.pullable_image(self.image)
        return self


def make_plan(
    source: Path,
    preset: str | None,
    image: str,
    pools: Path,
    cached: bool = True,
    gate: bool = False,
    retries: bool = True,
) -> Plan:
    """Read all that the user may have got wrong.

    source: the folder with dvc.yaml, params.yaml, presets/ and src. preset: what is laid over
    params.yaml. pools: the file of the node pools.
    Raises WordbrushError that names file and field.
    """
    values.image(image)
    params = params_text(source, preset)
    with scratch_workspace(source, params, RemoteConfig("unused")) as repo:
        graph, keys = edges(repo), stage_keys(repo)
    return Plan(
        source, params, graph, keys, image, load_pools(pools), cached, gate=gate, retries=retries
    )


def params_text(source: Path, preset: str | None = None) -> str:
    """params.yaml with a preset laid over it, without its comments."""
    file = source / PARAMS
    found = read_yaml(file)
    if preset is not None:
        found = merge(found, read_preset(preset, file, source / "presets"))
    parse(found, PARAMS)
    text = io.StringIO()
    YAML(typ="safe").dump(found, text)
    return text.getvalue()
