"""Codebooks: what they give, what they learn, and how they grow in a training."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.davenet.test_training import Interrupted, MortalStore
from tests.devices import same_weights
from tests.noise import noise_pairs
from wordbrush.davenet.config import EncoderConfig, QuantiserConfig
from wordbrush.davenet.encoders import Encoders, load_encoders
from wordbrush.davenet.quantiser import Quantiser
from wordbrush.davenet.training import Settings, Trainer, train
from wordbrush.params import AudioStages
from wordbrush.params import Quantiser as Named
from wordbrush.storage.weights import save_network
from wordbrush.training.checkpoints import Checkpoints

CONFIG = QuantiserConfig(layer=1, codes=3, decay=0.8, commitment=0.5, revive_below=0.1)


def taught(frames: torch.Tensor, config: QuantiserConfig = CONFIG) -> Quantiser:
    quantiser = Quantiser(frames.shape[1], config).train()
    quantiser(frames)
    return quantiser


def test_frames_become_their_nearest_codes_and_gradients_pass_straight_through():
    torch.manual_seed(0)
    quantiser = taught(torch.randn(20, 4)).eval()
    x, target = torch.randn(7, 4, requires_grad=True), torch.randn(7, 4)
    vectors, codes, loss = quantiser(x)
    distances = torch.cdist(x, quantiser.codebook)
    assert torch.equal(codes, distances.argmin(1))
    assert torch.equal(vectors, quantiser.codebook[codes])  # no rounding: codes are codes
    (straight,) = torch.autograd.grad((vectors * target).sum(), x, retain_graph=True)
    assert torch.equal(straight, target)
    assert loss is None
    _, _, loss = quantiser.train()(x)
    (pulled,) = torch.autograd.grad(loss, x)
    assert loss.item() == pytest.approx(0.5 * distances.amin(1).square().mean().item() / 4)
    assert torch.allclose(pulled, 2 * 0.5 * (x - vectors).detach() / x.numel(), atol=1e-6)


def test_codes_are_moving_averages_as_in_a_loop():
    torch.manual_seed(1)
    batches = [torch.randn(12, 2) + torch.tensor([2.0 * n, 0.0]) for n in range(4)]
    quantiser = Quantiser(2, CONFIG).train()
    # the first step finds its codes among its frames, at equal distances
    codebook = batches[0][[2, 6, 10]].clone()
    mass, sums = [4.0] * 3, [4.0 * code for code in codebook]
    for batch in batches:
        chosen: list[list[torch.Tensor]] = [[] for _ in codebook]
        for frame in batch:
            chosen[int((codebook - frame).norm(dim=1).argmin())].append(frame)
        quantiser(batch)
        for code, frames in enumerate(chosen):
            mass[code] = 0.8 * mass[code] + 0.2 * len(frames)
            sums[code] = 0.8 * sums[code] + 0.2 * sum(frames, torch.zeros(2))
            codebook[code] = sums[code] / mass[code]
        assert min(mass) > 0.1 * np.mean(mass), "else a code would have been revived"
        assert torch.allclose(quantiser.mass, torch.tensor(mass), rtol=1e-5)
        assert torch.allclose(quantiser.codebook, codebook, atol=1e-5)


def test_a_dead_code_takes_the_place_of_a_frame():
    frames = torch.arange(12.0)[:, None].repeat(1, 2)
    quantiser = taught(frames)
    with torch.no_grad():
        quantiser.codebook[1] = 1000.0
        quantiser.sums[1] = 1000.0 * quantiser.mass[1]
    steps = 0
    while quantiser.codebook[1, 0] > 100:
        quantiser(frames)
        steps += 1
    assert 5 < steps < 20  # 0.8^11 < 0.1: until then the code is rare, not dead
    assert quantiser.codebook[1, 0].item() == pytest.approx(6, abs=1.5)
    assert set(quantiser.eval()(frames).codes.tolist()) == {0, 1, 2}


def test_what_does_not_count_teaches_nothing():
    torch.manual_seed(2)
    frames = torch.randn(10, 3)
    rows = torch.tensor([0, 1, 3, 4, 5, 7, 8, 10, 11, 12])
    padded, counted = torch.full((14, 3), 1e3), torch.zeros(14, dtype=torch.bool)
    padded[rows], counted[rows] = frames, True
    packed, other = Quantiser(3, CONFIG).train(), Quantiser(3, CONFIG).train()
    for _ in range(3):
        plain, found = packed(frames), other(padded, counted)
        assert torch.equal(plain.codes, found.codes[rows])
        assert torch.allclose(plain.loss, found.loss)
    assert same_weights(packed.state_dict(), other.state_dict())


def test_in_use_nothing_is_learned():
    quantiser = taught(torch.randn(9, 2)).eval()
    before = {name: one.clone() for name, one in quantiser.state_dict().items()}
    quantiser(torch.randn(9, 2))
    assert same_weights(before, quantiser.state_dict())


@pytest.fixture
def growing(tiny) -> Settings:
    """Codebooks behind layer 2, from step 2 on, and layer 3, from step 4 on, of six steps."""
    update = {
        "audio_network": "resdavenet",
        "audio_stages": AudioStages(channels=[8, 8], blocks=1, width=3),
        "quantisers": [
            Named(layer=2, codes=5, from_step=2),
            Named(layer=3, codes=7, from_step=4),
        ],
        "batch_size": 8,
    }
    davenet = tiny.davenet.model_copy(update=update)
    stage = tiny.schedule.pretrain.model_copy(update={"steps": 6})
    return Settings(davenet, stage, "hard", 3, "caption")


@pytest.fixture
def pairs(tiny, tmp_path):
    return noise_pairs(tiny, tmp_path)


def new_encoders(settings: Settings, pairs) -> Encoders:
    torch.manual_seed(0)
    return Encoders(EncoderConfig.of(settings.davenet, pairs.speech.config))


def test_quantisation_grows_in_one_training(growing, pairs):
    trainer = Trainer(new_encoders(growing, pairs), pairs, growing)
    found = []
    for number in range(1, 7):
        trainer.step(number)
        quantisers = trainer.encoders.audio.quantisers
        found.append([int(layer) for layer, one in quantisers.items() if one.mass.any()])
    assert found == [[], [], [2], [2], [2, 3], [2, 3]]


def test_until_it_begins_a_training_is_as_without(growing, pairs):
    def after(settings: Settings) -> dict[str, torch.Tensor]:
        trainer = Trainer(new_encoders(settings, pairs), pairs, settings)
        for number in (1, 2):
            trainer.step(number)
        weights = trainer.encoders.state_dict()
        return {name: one for name, one in weights.items() if "quantisers" not in name}

    without = replace(growing, davenet=growing.davenet.model_copy(update={"quantisers": []}))
    assert same_weights(after(growing), after(without))


def test_behind_pretraining_all_codebooks_are_on(tiny, growing, pairs):
    edits = tiny.schedule.random_edits
    assert growing.quantised(1) == () and growing.quantised(5) == (2, 3)
    assert replace(growing, stage=edits).quantised(1) == (2, 3)


def test_a_quantised_training_resumes_as_if_never_stopped(growing, pairs, tmp_path):
    def trained(folder: str, mortal: bool = False) -> dict[str, torch.Tensor]:
        encoders = new_encoders(growing, pairs)
        store = MortalStore(tmp_path / folder, mortal)
        train(encoders, pairs, growing, checkpoints=Checkpoints(store, "key", seconds=0))
        return encoders.state_dict()

    whole = trained("whole")
    with pytest.raises(Interrupted):
        trained("parts", mortal=True)
    assert same_weights(trained("parts"), whole)


def test_codebooks_are_saved_with_the_weights(growing, pairs, tmp_path):
    encoders = new_encoders(growing, pairs)
    train(encoders, pairs, growing)
    save_network(tmp_path / "saved", "encoders", encoders, encoders.config)
    loaded = load_encoders(tmp_path / "saved", torch.device("cpu"))
    features, lengths = torch.rand(2, 40, 30), torch.tensor([30, 17])
    codes = [
        [one.codes for one in network.audio.hear(features, lengths) if one.codes is not None]
        for network in (encoders.eval().cpu(), loaded)
    ]
    assert len(codes[0]) == 2
    assert all(torch.equal(*pair) for pair in zip(*codes, strict=True))
