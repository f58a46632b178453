"""The plan of a progressive training (K §2): every level is faded in, then held.

Progress is counted in kimg, thousands of real pictures shown.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from wordbrush.gan.networks import resolutions
from wordbrush.params import Gan


@dataclass(frozen=True)
class Phase:
    """A stretch of training at one level: fading in from 0 to 1, or stable at 1."""

    level: int
    kimg: float
    fading: bool


def phases(gan: Gan, resolution: int) -> list[Phase]:
    """Stable at 4×4, then fade and stable for every further level (K)."""
    plan = []
    for level, size in enumerate(resolutions(resolution)):
        plan += [Phase(level, gan.fade_kimg[size], True)] if level else []
        plan += [Phase(level, gan.stable_kimg[size], False)]
    return [phase for phase in plan if phase.kimg > 0]


class Schedule:
    """How far a training is: kimg shown, the phase, and the kimg at which that began."""

    def __init__(self, plan: list[Phase]):
        self.plan, self.ends = plan, np.cumsum([phase.kimg for phase in plan])
        self.shown, self.number, self.began = 0.0, -1, 0.0

    @property
    def total(self) -> float:
        """kimg of all phases."""
        return self.ends[-1]

    @property
    def level(self) -> int:
        """Of the phase; -1 before the first."""
        return self.plan[self.number].level if self.number >= 0 else -1

    @property
    def fade(self) -> float:
        """The share of the newest level."""
        phase = self.plan[self.number]
        return (self.shown - self.began) / phase.kimg if phase.fading else 1.0

    def enter_phase(self) -> bool:
        """Move on to the phase that is due; whether that is another one."""
        due = int(np.searchsorted(self.ends, self.shown, side="right"))
        if due == self.number:
            return False
        self.number, self.began = due, self.shown
        return True

    def show(self, pictures: int, marks: int) -> bool:
        """Count a batch; whether it passes one of so many evenly spaced marks of the training."""
        before, self.shown = self.shown, self.shown + pictures / 1000
        return int(before / self.total * marks) != int(self.shown / self.total * marks)

    def state_dict(self) -> dict[str, Any]:
        return {"shown": self.shown, "number": self.number, "began": self.began}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.shown, self.number, self.began = state["shown"], state["number"], state["began"]
