"""How params.yaml says that trainings compute."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from wordbrush.params import Params
from wordbrush.training.compute import algorithms, device, precision
from wordbrush.training.graphs import cuda_graphs, recording
from wordbrush.training.scaling import scaled


@contextmanager
def as_chosen(params: Params) -> Iterator[None]:
    """Within, trainings have the precision, the algorithms and the graphs of these parameters."""
    with precision(params.precision), algorithms(params.deterministic), recorded(params):
        yield


def recorded(params: Params) -> AbstractContextManager[None]:
    """Within, steps on a GPU are recorded where these parameters ask for it."""
    return recording(cuda_graphs(params.cuda_graphs, device()))


def for_device(params: Params, where: torch.device | None = None) -> Params:
    """The parameters of trainings on a device, if none is named on that of networks: on GPUs, with
    batches as large as they ask for there."""
    return scaled(params) if (where or device()).type == "cuda" else params
