"""How params.yaml says that trainings compute."""

from collections.abc import Iterator
from contextlib import contextmanager

from wordbrush.params import Params
from wordbrush.training.compute import algorithms, device, precision
from wordbrush.training.graphs import cuda_graphs, recording


@contextmanager
def as_chosen(params: Params) -> Iterator[None]:
    """Within, trainings have the precision, the algorithms and the graphs of these parameters."""
    recorder = cuda_graphs(params.cuda_graphs, device())
    with precision(params.precision), algorithms(params.deterministic), recording(recorder):
        yield
