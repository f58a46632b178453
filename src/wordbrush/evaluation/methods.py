"""Methods (P Tables 1 and 2): which training encoders had last, and with which negatives."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from wordbrush.errors import WordbrushError
from wordbrush.evaluation.paper import FULL
from wordbrush.params import Params
from wordbrush.storage.layout import Layout

EDITS = {"pretrain": None, "random-edits": "random", "targeted-edits": "targeted"}
"""The trainings in their order, and the edits that each one adds."""
MININGS = {"random": ("", ""), "semi-hard": ("shn_", "Semi-hard"), "hard": ("hn_", "Hard")}
"""How negatives are mined, with the prefix of names and the start of titles."""


@dataclass(frozen=True)
class Method:
    """A row of the tables: the training that wrote the encoders, and how it mined negatives."""

    stage: str
    mining: str

    @property
    def edits(self) -> str | None:
        """The edits that the encoders were trained on last: `random`, `targeted`, or none."""
        return EDITS[self.stage]

    @property
    def name(self) -> str:
        """As metrics name it: davenet, random_edits, …, hard_negatives, hn_random_edits, …"""
        prefix, title = MININGS[self.mining]
        if self.edits:
            return prefix + self.stage.replace("-", "_")
        return f"{title.lower().replace('-', '_')}_negatives" if title else "davenet"

    @property
    def title(self) -> str:
        """As people read it: DaveNet, Random edits, …, Hard negatives + random edits, …"""
        _, title = MININGS[self.mining]
        edits = f"{self.edits} edits" if self.edits else ""
        if not title:
            return edits.capitalize() or "DaveNet"
        return f"{title} negatives" + (f" + {edits}" if edits else "")


def find_methods(layout: Layout, minings: Iterable[str], edits: bool = True) -> dict[str, Method]:
    """The methods, by name, whose encoders are there. Raises WordbrushError where none are.

    edits: whether any may have been trained against edits; others were left by another graph.
    """
    stages = list(EDITS) if edits else ["pretrain"]
    every = [Method(stage, mining) for mining in minings for stage in stages]
    found = [one for one in every if layout.encoders(one.stage, one.mining).is_dir()]
    if not found:
        first = every[0]
        raise WordbrushError(
            f"{layout.encoders(first.stage, first.mining)} is missing. Train it first: "
            f"dvc repro pretrain-davenet@{first.mining}."
        )
    return {method.name: method for method in found}


def method_named(name: str) -> Method:
    """The method that metrics name so. Raises WordbrushError where there is none."""
    for mining in MININGS:
        for stage in EDITS:
            if (method := Method(stage, mining)).name == name:
                return method
    raise WordbrushError(f"there is no method {name!r}. Measure again: dvc repro evaluate.")


def exported(params: Params) -> Method:
    """The method whose model is kept: the full one, as far as the graph has it."""
    full = method_named(FULL)
    return replace(full, stage="pretrain") if params.graph == "recorded" else full
