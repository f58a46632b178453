"""Steps of training never wait for a GPU, and can be deterministic there.

On CPUs this is checked by operation, on GPUs by PyTorch and by training twice.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

import numpy as np
import pytest
import torch

from tests.devices import Unordered
from tests.training import trainings
from tests.waiting import waits
from wordbrush.davenet import training as davenet_training
from wordbrush.gan import training as gan_training
from wordbrush.params import ImageStages, Quantiser
from wordbrush.segmenter import training as segmenter_training
from wordbrush.training.compute import algorithms, running_ahead, set_seed

Step = Callable[[], None]
FIRST = 3  # steps before the one that is watched: kernels are chosen, optimisers have moments


class Enough(BaseException):
    """The step that was asked for is done."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trainings")
    trainings.prepare(trainings.tiny(), folder)
    return folder


@contextmanager
def each_step(monkeypatch, watched: Callable[[Step], None]) -> Iterator[None]:
    """Within, step number FIRST + 1 of any training runs as `watched` says, and is its last."""
    for kind in (davenet_training.Trainer, gan_training.Trainer, segmenter_training.Trainer):
        name = "descend" if kind is segmenter_training.Trainer else "step"
        original, taken = getattr(kind, name), []

        def step(self, *args, original=original, taken=taken):
            taken.append(self)
            if len(taken) <= FIRST:
                return original(self, *args)
            watched(lambda: original(self, *args))
            raise Enough

        monkeypatch.setattr(kind, name, step)
    yield


def take_steps(folder, name: str) -> None:
    """The training of this name up to its watched step."""
    set_seed(7)
    with pytest.raises(Enough):
        (dict(trainings.trainings(trainings.tiny(), folder)) | combined(folder))[name]()


NAMES = [
    *(f"GAN, {name}" for name in trainings.GANS),
    "segmenter",
    *trainings.DAVENETS,
    *trainings.EDITED,
]
CODEBOOKS = {
    **trainings.GROWN,
    "quantisers": [Quantiser(layer=layer, codes=12, from_step=0) for layer in (1, 2)],
}
RESNET = {
    "image_network": "resnet",
    "image_stages": ImageStages(stem=1, channels=[8, 16], blocks=[1, 1]),
    "image_size": 16,
}
# Options that meet, with the kind of their edits: steps are watched, and no more is trained.
COMBINED = {
    "codebooks, two languages, locked pictures": (
        {**trainings.BILINGUAL, **CODEBOOKS, "locked_steps": 8},
        None,
    ),
    "codebooks, heads of context, twins": (
        {**CODEBOOKS, "context": trainings.CONTEXT, "context_steps": 8, "twins": trainings.TWINS},
        None,
    ),
    "codebooks, two languages, exchanges": (
        {**trainings.BILINGUAL, **CODEBOOKS, "edit_every": 1, "against": "batch"},
        "exchange",
    ),
    "a residual picture network": (RESNET, None),
}


def combined(folder) -> dict[str, Callable[[], trainings.Trained]]:
    """The trainings of COMBINED."""
    shape = (trainings.COUNT, trainings.SIZE, trainings.SIZE, 3)
    pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return {
        name: partial(trainings.davenet, trainings.tiny(), folder, pictures, changes, "hard", edits)
        for name, (changes, edits) in COMBINED.items()
    }


@pytest.mark.parametrize("name", [*NAMES, *COMBINED])
def test_no_operation_of_a_step_waits_and_all_have_a_deterministic_form(folder, monkeypatch, name):
    waited: list[str] = []
    unordered: list[str] = []

    def watched(step: Step) -> None:
        with waits() as seen, Unordered() as mode:
            step()
        waited.extend(seen)
        unordered.extend(mode.found)

    with running_ahead(), each_step(monkeypatch, watched):
        take_steps(folder, name)
    assert waited == [] and unordered == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="steps of GPUs do not look")
@pytest.mark.parametrize(
    ("name", "expected"),
    [("softmax, hard", "nonzero"), ("random edits, margin, hard", "_local_scalar_dense")],
)
def test_waits_are_seen_where_cpus_save_work_by_looking(folder, monkeypatch, name, expected):
    found: list[str] = []

    def watched(step: Step) -> None:
        with waits() as seen:
            step()
        found.extend(seen)

    with each_step(monkeypatch, watched):
        take_steps(folder, name)
    assert expected in found


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("name", [*NAMES, *COMBINED])
def test_pytorch_sees_no_step_wait_for_a_gpu(folder, monkeypatch, name):
    def watched(step: Step) -> None:
        torch.cuda.set_sync_debug_mode("error")
        try:
            step()
        finally:
            torch.cuda.set_sync_debug_mode("default")

    with each_step(monkeypatch, watched):
        take_steps(folder, name)


# The process that runs this must not have used cuBLAS before, or have set its variable.
TWICE = """
import sys
from pathlib import Path
import torch
from tests.training import trainings
from wordbrush.training.compute import algorithms, set_seed

name, folder, states = sys.argv[1], Path(sys.argv[2]), []
for _ in range(2):
    set_seed(7)
    with algorithms(deterministic=True):
        curve, network = dict(trainings.trainings(trainings.tiny(), folder))[name]()
    states.append(network.state_dict())
assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
"""


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("name", NAMES)
def test_deterministic_trainings_on_a_gpu_are_equal_byte_for_byte(folder, name):
    subprocess.run([sys.executable, "-W", "error", "-c", TWICE, name, str(folder)], check=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="GPUs have both")
def test_on_cpus_the_option_changes_no_byte(folder):
    def weights(deterministic: bool) -> dict[str, torch.Tensor]:
        set_seed(7)
        with algorithms(deterministic):
            return dict(trainings.trainings(trainings.tiny(), folder))["segmenter"]()[
                1
            ].state_dict()

    first, second = weights(deterministic=True), weights(deterministic=False)
    assert all(torch.equal(first[name], second[name]) for name in first)


# Random impostors are other ones where none may be drawn again.
SAME = [name for name in NAMES if "margin, random" not in name and "softmax, random" not in name]


@pytest.mark.parametrize("name", SAME)
def test_steps_that_never_look_learn_the_same(folder, name):
    def trained(how) -> tuple[np.ndarray, torch.nn.Module]:
        set_seed(7)
        with how:
            curve, network = dict(trainings.trainings(trainings.tiny(), folder))[name]()
        return np.array(curve, float), network

    (looking, network), (ahead, other) = trained(nullcontext()), trained(running_ahead())
    assert len(looking) >= 10 and np.allclose(ahead, looking, rtol=1e-3, atol=1e-5)
    for weight, its_weight in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.allclose(weight, its_weight, rtol=1e-2, atol=1e-3)
