"""The graph of dvc.yaml, and a key for every stage that says what would be computed."""

from pathlib import Path
from typing import Any

from dvc.repo import Repo
from dvc.stage import Stage

from wordbrush.storage.layout import PARAMS
from wordbrush.storage.yaml import read_yaml
from wordbrush.versioning.fingerprint import chosen, combined, digest


def edges(repo: Repo) -> dict[str, list[str]]:
    """The address of each stage, and those that it reads from, both in the order of dvc.yaml."""
    graph = repo.index.graph
    order = {stage: number for number, stage in enumerate(repo.index.stages)}
    return {
        stage.addressing: [
            before.addressing for before in sorted(graph.successors(stage), key=order.__getitem__)
        ]
        for stage in order
    }


def stage_keys(repo: Repo) -> dict[str, str]:
    """A key for every stage, by its address.

    It is the hash of the stage's command, parameters and code, and of the keys of the stages that
    it reads from. It says what would be computed, not where: a pipeline adds its image.
    """
    keys = _Keys(repo)
    return {address: keys.of(address) for address in keys.stages}


class _Keys:
    """Keys as they are computed: a stage's needs those of the stages that it reads from."""

    def __init__(self, repo: Repo):
        self.root = Path(repo.root_dir)
        self.upstream = edges(repo)
        self.stages: dict[str, Stage] = {stage.addressing: stage for stage in repo.index.stages}
        outs = [Path(out.def_path) for stage in self.stages.values() for out in stage.outs]
        self.produced = {place for out in outs for place in (out, *out.parents)}  # folders, too
        self.values = read_yaml(self.root / PARAMS)  # once: DVC would parse it for every stage
        self.digests: dict[str, str] = {}
        self.known: dict[str, str] = {}

    def of(self, address: str) -> str:
        if address not in self.known:
            content = [*self.own(address), [self.of(before) for before in self.upstream[address]]]
            self.known[address] = combined(content)
        return self.known[address]

    def own(self, address: str) -> list[Any]:
        """What the stage itself adds: command, parameters by name, digests by path."""
        stage = self.stages[address]
        names: list[str] = []
        sources: dict[str, str | None] = {}
        for dep in stage.deps:
            if hasattr(dep, "read_params"):
                names += dep.params
            else:
                sources[dep.def_path] = self.source(dep.def_path)
        return [stage.cmd, chosen(self.values, names), sources]

    def source(self, path: str) -> str | None:
        """The digest of code; None for data, which another stage makes and whose key stands in."""
        if Path(path) in self.produced:
            return None
        if path not in self.digests:
            self.digests[path] = digest(self.root / path)
        return self.digests[path]
