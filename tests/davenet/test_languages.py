"""An audio network for each language, beside one picture network."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.noise import noise_pairs
from wordbrush.data.loader import Loader
from wordbrush.data.pairs import Pairs
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoders import Encoders, load_encoders
from wordbrush.davenet.encoding import encode_captions, encode_speech
from wordbrush.davenet.losses import languages_loss
from wordbrush.davenet.objective import make_curriculum
from wordbrush.davenet.training import (
    Settings,
    SharedScores,
    Trainer,
    between_languages,
    in_each_language,
    make_loader,
    train,
)
from wordbrush.errors import WordbrushError
from wordbrush.params import Davenet, Pretraining, Quantiser
from wordbrush.storage.weights import save_network
from wordbrush.training.compute import device

LANGUAGES = ["en", "de"]
STAGE = Pretraining(
    steps=4,
    learning_rate=0.002,
    warmup_steps=0,
    ramp_steps=0,
    edit_weight=0.0,
    edit_every=1,
    locked_steps=0,
    context_steps=0,
)


@pytest.fixture
def davenet(tiny) -> Davenet:
    changes = {"languages": LANGUAGES, "batch_size": 8, "language_weight": 0.5}
    return tiny.davenet.model_copy(update=changes)


@pytest.fixture
def pairs(tiny, tmp_path) -> Pairs:
    """Sixteen captions for training, of eight pictures in two languages, and two pictures more."""
    pairs = noise_pairs(tiny, tmp_path)
    numbers = np.arange(20)
    manifest = replace(
        pairs.manifest, images=numbers // 2, languages=np.array(LANGUAGES)[numbers % 2]
    )
    return replace(pairs, manifest=manifest)


def made(davenet: Davenet, pairs: Pairs) -> Encoders:
    torch.manual_seed(0)
    return Encoders(EncoderConfig.of(davenet, pairs.speech.config))


def loader_of(pairs: Pairs, davenet: Davenet) -> Loader:
    return make_loader(pairs, davenet, 0, 3)


def test_the_first_language_has_the_weights_that_it_has_alone(davenet, pairs):
    alone = made(davenet.model_copy(update={"languages": []}), pairs).state_dict()
    both = made(davenet, pairs).state_dict()
    assert list(alone) == [name for name in both if not name.startswith("others.")]
    assert all(torch.equal(tensor, both[name]) for name, tensor in alone.items())
    assert {name.removeprefix("others.0.") for name in both if name.startswith("others.")} == {
        name.removeprefix("audio.") for name in alone if name.startswith("audio.")
    }


def test_rows_take_turns_in_the_languages_and_each_caption_comes_once(davenet, pairs):
    batches = loader_of(pairs, davenet.model_copy(update={"language_weight": 0.0}))
    taken = [next(batches) for _ in range(2)]
    for batch in taken:
        assert pairs.manifest.languages[batch.captions].tolist() == LANGUAGES * 4
    assert sorted(np.concatenate([batch.captions for batch in taken])) == list(range(16))


def test_with_a_loss_between_languages_a_turn_tells_of_one_picture(davenet, pairs):
    batch = next(loader_of(pairs, davenet))
    assert (batch.pictures[::2] == batch.pictures[1::2]).all()
    assert pairs.manifest.languages[batch.captions].tolist() == LANGUAGES * 4


def test_a_picture_without_a_caption_in_the_other_language_has_another_beside_it(davenet, pairs):
    images = pairs.manifest.images.copy()
    images[1:16:2] = np.where(np.arange(8) < 4, np.arange(8), 9)  # of four pictures alone
    some = replace(pairs, manifest=replace(pairs.manifest, images=images))
    batches = loader_of(some, davenet)
    for batch in (next(batches) for _ in range(6)):
        told = batch.pictures[::2] < 4
        assert (batch.pictures[1::2][told] == batch.pictures[::2][told]).all()
        assert some.manifest.languages[batch.captions].tolist() == LANGUAGES * 4


def test_a_language_without_captions_is_one_sentence(davenet, pairs):
    with pytest.raises(WordbrushError, match="'fr', which davenet"):
        loader_of(pairs, davenet.model_copy(update={"languages": ["en", "fr"]}))


def test_what_has_no_network_is_heard_by_the_first(davenet, pairs):
    encoders = made(davenet, pairs)
    assert encoders.audio_of("ru") is encoders.audio_of() is encoders.audio
    assert encoders.audio_of("de") is encoders.others[0]


def test_rows_are_heard_each_by_its_network(davenet, pairs):
    encoders = made(davenet, pairs).eval()
    features, lengths = pairs.speech.batch(np.arange(5))
    found = encoders.encode_in_turn(features, lengths)
    for row, language in enumerate((LANGUAGES * 3)[:5]):
        alone = encoders.encode_audio(features[[row]], lengths[[row]], language)
        assert torch.allclose(found.features[row], alone.features[0], atol=1e-5)
        assert found.lengths[row] == alone.lengths[0]


def test_captions_are_encoded_in_their_order_whatever_their_languages(davenet, pairs):
    encoders, captions = made(davenet, pairs).eval(), np.array([3, 2, 7, 0, 1])
    found = encode_captions(encoders, pairs, captions)
    for row, caption in enumerate(captions):
        language = str(pairs.manifest.languages[caption])
        alone = encode_speech(encoders, pairs.speech, captions[[row]], language)
        assert torch.allclose(found.features[row], alone.features[0], atol=1e-5)


def test_each_language_has_impostors_of_its_own(davenet, pairs):
    """The loss is the mean of what two trainings, each in one language, would have."""
    encoders = made(davenet, pairs)
    settings = Settings(davenet, STAGE, "hard", 3, "caption")
    batch = next(loader_of(pairs, davenet))
    seen = encoders.encode_images(batch.images)
    heard = encoders.encode_in_turn(batch.features, batch.lengths)
    objective = make_curriculum(davenet, settings.stage, "hard", torch.Generator()).main
    scores = SharedScores(seen, heard, "MISA")
    found = in_each_language(objective, scores, batch.positives, None, 2)
    matrix = scores.all()
    wanted = []
    for turn in range(2):
        own = matrix[turn::2, turn::2] / davenet.temperature
        truth = torch.arange(4)
        wanted.append(F.cross_entropy(own, truth) + F.cross_entropy(own.T, truth))
    assert torch.allclose(found, torch.stack(wanted).mean(), atol=1e-5)


def test_captions_of_one_picture_are_drawn_together():
    """Of four rows the second has no counterpart, and the last two tell of one picture."""
    torch.manual_seed(0)
    scores = torch.randn(4, 4)
    same = torch.diag(torch.tensor([True, False, True, True]))
    same[2, 3] = same[3, 2] = True
    found, wanted = languages_loss(scores, same, 2.0), 0.0
    for row in (0, 2, 3):
        for one in (scores, scores.T):
            others = [n for n in range(4) if n == row or not same[row, n]]
            wanted -= float((one[row] / 2)[others].log_softmax(0)[others.index(row)])
    assert found.item() == pytest.approx(wanted / 3, abs=1e-5)
    assert languages_loss(scores, torch.zeros(4, 4, dtype=torch.bool), 2.0) == 0


def test_the_loss_between_languages_reads_the_frames_that_count(davenet, pairs):
    encoders = made(davenet, pairs)
    batch = next(loader_of(pairs, davenet))
    heard = encoders.encode_in_turn(batch.features, batch.lengths)
    found = between_languages(heard, batch.positives, davenet, 2)
    means = [one[:, :n].mean(1) for one, n in zip(heard.features, heard.lengths, strict=True)]
    scores = torch.stack(means[::2]) @ torch.stack(means[1::2]).T
    wanted = languages_loss(scores, batch.positives[::2, 1::2], davenet.temperature)
    assert torch.allclose(found, wanted, atol=1e-4)


def test_weights_of_both_languages_learn_and_the_weight_counts(davenet, pairs):
    def trained(weight: float) -> tuple[dict, dict]:
        settings = davenet.model_copy(update={"language_weight": weight})
        encoders = made(settings, pairs).to(device())
        before = {name: tensor.clone() for name, tensor in encoders.state_dict().items()}
        train(encoders, pairs, Settings(settings, STAGE, "hard", 3, "caption"))
        return before, encoders.state_dict()

    before, after = trained(0.5)
    for name in ("audio.convs.0.weight", "others.0.convs.0.weight", "image.layers.0.weight"):
        assert not torch.equal(before[name], after[name])
    name = "others.0.convs.0.weight"
    assert not torch.equal(trained(2.0)[1][name], after[name])


def test_codebooks_of_all_languages_are_turned_on(davenet, pairs):
    quantised = davenet.model_copy(
        update={"quantisers": [Quantiser(layer=2, codes=4, from_step=2)]}
    )
    settings = Settings(quantised, STAGE, "hard", 3, "caption")
    trainer = Trainer(made(quantised, pairs), pairs, settings)
    for step, on in ((1, False), (3, True)):
        trainer.step(step)
        assert [audio.quantisers["2"].on for audio in trainer.encoders.audios] == [on, on]


def test_they_are_saved_and_loaded(davenet, pairs, tmp_path):
    encoders = made(davenet, pairs).eval()
    save_network(tmp_path, "encoders", encoders, encoders.config)
    loaded = load_encoders(tmp_path, torch.device("cpu"))
    assert loaded.config.languages == LANGUAGES
    features, lengths = pairs.speech.batch(np.arange(4))
    for language in LANGUAGES:
        one, other = (each.encode_audio(features, lengths, language) for each in (encoders, loaded))
        assert torch.equal(one.features, other.features)
