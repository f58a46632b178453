"""What a training's steps return, read now and then, and the check that it is finite."""

from collections.abc import Sequence

import torch
from torch import Tensor

from wordbrush.errors import Diverged
from wordbrush.training.compute import device, runs_ahead

# Steps between two readings where reading waits for a GPU: a tenth of a second or more of work,
# beside which a wait of microseconds is nothing. A training that diverges wastes no more than that.
READ_EVERY = 25

Row = tuple[float, ...]


class Watch:
    """The losses of a training's steps. They stay on the device until they are read.

    Reading them raises Diverged, where a loss or a gradient was NaN or infinite, and names the
    first such step. So a training reads before it writes a checkpoint, a row of its curve, or its
    result, and nothing half-trained is ever kept. what: that which is trained, in words.
    """

    def __init__(self, what: str, read_every: int | None = None):
        self.what = what
        self.read_every = read_every or (READ_EVERY if runs_ahead(device()) else 1)
        self.steps: list[tuple[float, int]] = []  # each step, and how many losses it has
        self.rows: list[Tensor] = []  # its gradient norm, losses and figures

    def add(self, step: float, losses: int, row: Tensor) -> None:
        """What was `observed` in a step, with so many losses."""
        self.steps.append((step, losses))
        self.rows.append(row)

    @property
    def due(self) -> bool:
        """Whether there are as many unread steps as may be."""
        return len(self.rows) >= self.read_every

    def read(self, kept: str) -> list[Row]:
        """The losses and figures of every step since the last reading.

        Raises Diverged. The message names loss, step and `kept`, the last good checkpoint.
        """
        if not self.rows:
            return []
        rows = torch.stack(self.rows).cpu()
        for (step, count), row in zip(self.steps, rows, strict=True):
            if not torch.isfinite(row[: 1 + count].sum()):
                self._stop(step, row[0].item(), row[1 : 1 + count].tolist(), kept)
        self.steps.clear()
        self.rows.clear()
        return [tuple(row) for row in rows[:, 1:].tolist()]

    def _stop(self, step: float, norm: float, losses: list[float], kept: str) -> None:
        values = ", ".join(f"{value:g}" for value in losses)
        last = f"The last good checkpoint is {kept}." if kept else "There is no checkpoint yet."
        raise Diverged(
            f"{self.what} diverged at step {step:g}: loss {values}, gradient norm {norm:g}. "
            f"{last} Lower the learning rate of this stage in params.yaml."
        )


@torch.no_grad()
def observed(loss: Tensor, *networks: torch.nn.Module, figures: Sequence[Tensor] = ()) -> Tensor:
    """A step's row [1 + losses + figures]: the norm of the gradients that its networks have now,
    its losses, of any shape, and figures: scalars that are read with the losses, not checked."""
    gradients = [
        weight.grad
        for network in networks
        for weight in network.parameters()
        if weight.grad is not None
    ]
    norm = torch.nn.utils.get_total_norm(gradients) if gradients else loss.new_zeros(())
    return torch.stack([norm, *loss.detach().flatten(), *figures])
