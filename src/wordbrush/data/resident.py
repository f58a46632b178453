"""Rows of a data set as a training step takes them, on the device."""

import numpy as np
import torch
from torch import Tensor

from wordbrush.training.compute import to_device

SHARE = 0.25  # of a GPU's free memory that one array may take, beside networks and their steps


class Rows:
    """The rows of an array [N, …], which networks on a device read by number.

    A GPU holds the whole array, if that takes no more than SHARE of what is free: then a step takes
    rows without the host. A larger array stays on the host, and each batch of it is copied.
    """

    def __init__(self, array: np.ndarray, where: torch.device):
        self.array, self.where = array, where
        self.whole: Tensor | None = None
        if where.type == "cuda" and array.nbytes <= SHARE * torch.cuda.mem_get_info(where)[0]:
            self.whole = torch.from_numpy(np.array(array)).to(where)

    def __len__(self) -> int:
        return len(self.array)

    def take(self, numbers: Tensor) -> Tensor:
        """The rows with these numbers [B], which are on the device: [B, …]."""
        if self.whole is not None:
            return self.whole.index_select(0, numbers)
        return self.pick(numbers.cpu().numpy())

    def pick(self, numbers: np.ndarray) -> Tensor:
        """The same of numbers that the host has: it need not wait for the device to learn them."""
        if self.whole is not None:
            return self.whole.index_select(0, to_device(torch.from_numpy(numbers), self.where))
        return to_device(torch.from_numpy(self.array[numbers]), self.where)
