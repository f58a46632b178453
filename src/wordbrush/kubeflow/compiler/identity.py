"""What tells runs apart for people: a name, a description and labels, of preset, commit and key."""

import io
import re
from dataclasses import dataclass

from ruamel.yaml import YAML

from wordbrush.kubeflow.compiler.plan import Plan
from wordbrush.params import parse
from wordbrush.storage.layout import PARAMS
from wordbrush.versioning.git import short_head

BASE = "params"  # what a run is called after where no preset was laid over params.yaml
KEY = 12  # characters that are shown
LONGEST_LABEL = 63  # characters of a value, as Kubernetes has it


@dataclass(frozen=True)
class Identity:
    """What a pipeline was compiled from.

    commit: it ends in -dirty where files differ from it; None where the source is in no git
    repository. key: that of the run's last stage, which
    says what all stages compute.
    """

    preset: str
    commit: str | None
    trial: int
    key: str
    image: str

    @property
    def name(self) -> str:
        """small-5261956, or small-5261956-trial-2; without a commit, the key is in its place."""
        trial = f"-trial-{self.trial}" if self.trial else ""
        return f"{self.preset}-{self.commit or self.key[:KEY]}{trial}"

    @property
    def labels(self) -> dict[str, str]:
        """Labels of the run's pods, by which the cost of a run can be asked for."""
        found = {"preset": self.preset, "trial": str(self.trial), "key": self.key[:KEY]}
        if self.commit:
            found["commit"] = self.commit
        return {f"wordbrush/{name}": label_value(value) for name, value in found.items()}

    def description(self, note: str | None = None) -> str:
        """What the server shows beside the name."""
        made = (
            f"preset {self.preset}, commit {self.commit or 'unknown'}, trial {self.trial}, "
            f"key {self.key[:KEY]}, image {self.image}"
        )
        return f"{note} ({made})" if note else made


def identify(plan: Plan) -> Identity:
    """The identity of a plan."""
    return Identity(
        plan.ordered.preset or BASE,
        short_head(plan.source),
        parse(YAML(typ="safe").load(io.StringIO(plan.params)), PARAMS).trial,
        plan.run_key,
        plan.image,
    )


def label_value(text: str) -> str:
    """The text with what Kubernetes takes in the value of a label."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text)[:LONGEST_LABEL].strip("-_.")
