"""How params.yaml says that trainings compute."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from wordbrush.params import Params
from wordbrush.training.compute import algorithms, device, precision
from wordbrush.training.graphs import cuda_graphs, recording


@contextmanager
def as_chosen(params: Params) -> Iterator[None]:
    """Within, trainings have the precision, the algorithms and the graphs of these parameters."""
    with precision(params.precision), algorithms(params.deterministic), recorded(params):
        yield


def recorded(params: Params) -> AbstractContextManager[None]:
    """Within, steps on a GPU are recorded where these parameters ask for it."""
    return recording(cuda_graphs(params.cuda_graphs, device()))
