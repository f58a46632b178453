"""Recorded steps learn what steps learn that are taken one operation after another."""

from functools import partial

import numpy as np
import pytest
import torch

from tests.replay import NeverRecords, TapeRecorder
from tests.training import trainings
from wordbrush.davenet import training as davenet_training
from wordbrush.gan import training as gan_training
from wordbrush.training.compute import channels_last, running_ahead, set_seed
from wordbrush.training.graphs import CudaRecorder, Graphs, cuda_graphs, recording

LONGER = {
    "stable_kimg": {4: 0.04, 8: 0.04, 16: 0.08},
    "fade_kimg": {4: 0.0, 8: 0.04, 16: 0.04},
    "grids": 30,
}


def test_a_recorded_step_reads_its_inputs_and_forgets_what_is_only_python():
    total, added = torch.zeros(()), []

    def step(x):
        added.append(x)
        return total.add_(x.sum()).clone()

    with recording(TapeRecorder):
        graphs = Graphs()
    results = [graphs.run("sum", step, torch.full((2,), float(n))).item() for n in range(5)]
    assert results == [0, 2, 6, 12, 20] and len(added) == 2  # the warm-up, and when recording
    assert graphs.run("sum", step, torch.ones(3)) == 23 and len(added) == 3  # of another shape


def test_random_numbers_go_on():
    rng = torch.Generator().manual_seed(1)
    with recording(TapeRecorder):
        graphs = Graphs(rng)
    found = [graphs.run("draw", lambda: torch.rand(2, generator=rng)) for _ in range(4)]
    rng.manual_seed(1)
    again = [torch.rand(2, generator=rng) for _ in range(4)]
    assert torch.equal(torch.cat(found), torch.cat(again))


def test_nothing_is_recorded_on_cpus():
    assert cuda_graphs(True, torch.device("cpu")) is None
    with recording(cuda_graphs(True, torch.device("cpu"))):
        assert Graphs().recorder is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trainings")
    trainings.prepare(trainings.tiny(), folder)
    return folder


def learned(name, folder, make):
    """The curve and the weights of a training, whose steps are recorded by what `make` gives."""
    set_seed(7)
    with running_ahead(), recording(make):
        curve, network = dict(trainings.trainings(trainings.tiny(), folder))[name]()
    return np.array(curve, float), network.state_dict()


@pytest.mark.parametrize("name", ["segmenter", *trainings.DAVENETS, *trainings.EDITED])
def test_recorded_steps_learn_the_same(folder, name):
    made = []

    def seen(generators):
        made.append(TapeRecorder(generators))
        return made[0]

    (curve, weights), (other, its_weights) = (
        learned(name, folder, make) for make in (NeverRecords, seen)
    )
    assert made[0].recorded >= 1 and np.array_equal(other, curve)
    assert all(torch.equal(weights[key], its_weights[key]) for key in weights)
    if "augmented" not in name:  # noise is drawn for all frames, and wider batches have more
        plain, _ = learned(name, folder, None)
        assert np.allclose(plain, curve, rtol=1e-3, atol=1e-5)


def test_convolutions_that_keep_channels_last_learn_the_same(folder, monkeypatch):
    """As GPUs have them."""
    formats = []

    def placed(encoders, where):
        channels_last(encoders, where)
        formats.append(
            {
                w.is_contiguous(memory_format=torch.channels_last)
                for w in encoders.parameters()
                if w.dim() == 4
            }
        )
        return encoders

    plain, weights = learned("softmax, hard", folder, None)
    monkeypatch.setattr(davenet_training, "placed", placed)
    turned, its_weights = learned("softmax, hard", folder, None)
    assert formats == [{True}] and np.allclose(turned, plain, rtol=1e-3, atol=1e-5)
    assert all(torch.allclose(weights[key], its_weights[key], atol=1e-3) for key in weights)


def drawn(name, make):
    """The curve and the weights of a GAN that is trained as `learned` says."""
    params = trainings.tiny()
    gan = params.gan.model_copy(update={**trainings.SHORT, **trainings.GANS[name], **LONGER})
    pictures = np.random.default_rng(0).integers(0, 256, (48, 16, 16, 3), dtype=np.uint8)
    set_seed(7)
    with running_ahead(), recording(make):
        average, history = gan_training.train(gan, pictures, 16, 3, lambda generator: 0.0)
    return np.array(history.curves), average.state_dict()


@pytest.mark.parametrize("name", trainings.GANS)
def test_a_gan_learns_the_same_from_recorded_steps(name):
    made = []

    def seen(generators):
        made.append(TapeRecorder(generators))
        return made[0]

    (curve, weights), (other, its_weights) = drawn(name, NeverRecords), drawn(name, seen)
    assert made[0].recorded >= 5 and len(curve) == 30
    assert np.array_equal(other, curve)
    assert all(torch.equal(weights[key], its_weights[key]) for key in weights)
    plain, _ = drawn(name, None)  # rounds the blend of two levels otherwise, which grows
    assert np.allclose(plain[:20], curve[:20], rtol=1e-4, atol=1e-6)


class CountingRecorder(CudaRecorder):
    """Counts what it records."""

    def __init__(self, generators):
        super().__init__(generators)
        self.recorded = 0

    def record(self, step):
        self.recorded += 1
        return super().record(step)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize(
    "name", [*trainings.GANS, "segmenter", *trainings.DAVENETS, *trainings.EDITED]
)
def test_graphs_of_a_gpu_learn_the_same(folder, name):
    made = []

    def seen(generators):
        made.append(CountingRecorder(generators))
        return made[0]

    train = partial(drawn, name) if name in trainings.GANS else partial(learned, name, folder)
    (curve, _), (other, _) = train(NeverRecords), train(seen)
    assert made[0].recorded >= 1 and np.isfinite(other).all()
    assert np.allclose(other[:10], curve[:10], rtol=0.05, atol=1e-2)
