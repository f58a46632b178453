"""`samples.source: renderer`: scenes and counterfactuals, not drawings and ablations (P §6.5)."""

import numpy as np
import pytest
import torch

from wordbrush import params as parameters
from wordbrush.captions.grammar import VOCABULARY
from wordbrush.data.images import to_images
from wordbrush.data.pairs import read_latents, read_pairs
from wordbrush.data.splits import split_ranges
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import load_encoders
from wordbrush.davenet.kernels import similarities
from wordbrush.davenet.negatives import Batch
from wordbrush.editing.editors import make_random_editor
from wordbrush.errors import WordbrushError
from wordbrush.evaluation.material import Material
from wordbrush.evaluation.real_images import counterfactual_test
from wordbrush.stages import sample_images, synthesize_captions
from wordbrush.storage.layout import Layout
from wordbrush.training.compute import device


@pytest.fixture(scope="module")
def rendered(tiny, tmp_path_factory) -> tuple[parameters.Params, Layout]:
    samples = tiny.samples.model_copy(
        update={"source": "renderer", "train": 4, "validation": 2, "test": 2, "semantic": 2}
    )
    params, layout = (
        tiny.model_copy(update={"samples": samples}),
        Layout(tmp_path_factory.mktemp("rendered")),
    )
    sample_images.run(params, layout)
    return params, layout


def test_every_scene_has_a_counterfactual_with_one_changed_object(rendered):
    params, layout = rendered
    images, counterfactuals = (
        np.load(layout.samples / f"{name}.npy") for name in ("images", "counterfactuals")
    )
    size = params.scenes.resolution
    assert images.shape == counterfactuals.shape == (10, size, size, 3) and images.dtype == np.uint8
    changed = (images.astype(int) - counterfactuals).any(3).mean((1, 2))
    assert (changed > 0).all() and (changed < 0.9).all()  # pixels: an object and its shadow


def test_they_are_not_those_of_the_real_image_test(rendered, finished):
    tested = np.load(finished.layout.real_pairs / "images.npy")[:, 0]
    images = np.load(rendered[1].samples / "images.npy")
    assert all((tested != image).any((1, 2, 3)).all() for image in images)


def test_the_counterfactual_is_the_edit(rendered):
    params, layout = rendered
    editor = make_random_editor(params, layout, 1)
    counterfactuals = np.load(layout.samples / "counterfactuals.npy")
    nothing = torch.zeros(2)
    edited = editor(Batch(np.array([3, 1]), nothing, Encoded(nothing), Encoded(nothing)))
    assert (
        np.allclose(
            edited.pictures.permute(0, 2, 3, 1), counterfactuals[[3, 1]] / 127.5 - 1, atol=1e-6
        )
        and edited.valid.all()
    )


def test_recorded_steps_may_hold_an_editor_that_draws_no_random_numbers(tiny, tmp_path):
    """CUDA graphs crash when they are given the random numbers of a CPU."""
    samples = tiny.samples.model_copy(update={"source": "renderer"})
    layout, size = Layout(tmp_path), tiny.scenes.resolution
    layout.samples.mkdir(parents=True)
    np.save(layout.samples / "counterfactuals.npy", np.zeros((2, size, size, 3), np.uint8))
    editor = make_random_editor(tiny.model_copy(update={"samples": samples}), layout, 1)
    assert editor.rng.device.type == device().type


def test_captions_choose_between_scene_and_counterfactual(rendered, finished):
    params, layout = rendered
    for name in ("segmenter", "real_pairs"):
        (layout.root / "data" / name).symlink_to(finished.root / "data" / name)
    synthesize_captions.run(params, layout)
    pairs, encoders = (
        read_pairs(layout),
        load_encoders(finished.layout.encoders("pretrain", "hard"), device()),
    )
    test = np.asarray(split_ranges(params.samples)["test"])
    found = counterfactual_test(Material(params, layout, pairs, test, VOCABULARY), encoders)
    counterfactuals = np.load(layout.samples / "counterfactuals.npy")
    for name, samples in (("seen", range(4)), ("unseen", test)):
        right = []
        for sample in samples:
            speech = pairs.speech.batch(np.array([sample]))
            heard = encoders.encode_audio(*(part.to(device()) for part in speech))
            own, other = (
                similarities(
                    encoders.encode_images(to_images(pictures[[sample]]).to(device())),
                    heard,
                    params.davenet.similarity,
                )
                for pictures in (pairs.images, counterfactuals)
            )
            right.append(float(own > other))
        assert found[name] == pytest.approx(100 * np.mean(right), abs=0.01)


def test_stages_that_edit_a_generator_s_units_say_so(rendered):
    with pytest.raises(WordbrushError, match=r"rendered scenes .* random-edits takes"):
        read_latents(rendered[1])
