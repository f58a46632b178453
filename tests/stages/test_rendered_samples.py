"""`samples.source: renderer`: scenes and twins in the place of drawings and ablations (P §6.5)."""

import numpy as np
import pytest
import torch

from wordbrush import params as parameters
from wordbrush.grounding.encoders import load_encoders
from wordbrush.grounding.matchmap import similarities
from wordbrush.grounding.training import Batch
from wordbrush.runtime.compute import device, to_images
from wordbrush.runtime.errors import WordbrushError
from wordbrush.runtime.layout import Layout
from wordbrush.runtime.splits import split_ranges
from wordbrush.stages import random_edits, sample_images, synthesize_captions
from wordbrush.stages.davenet import read_latents, read_pairs
from wordbrush.stages.measures import Material
from wordbrush.stages.measuring import twin_test


@pytest.fixture(scope="module")
def rendered(tiny, tmp_path_factory) -> tuple[parameters.Params, Layout]:
    samples = tiny.samples.model_copy(update={"source": "renderer", "train": 4, "validation": 2, "test": 2, "semantic": 2})
    params, layout = tiny.model_copy(update={"samples": samples}), Layout(tmp_path_factory.mktemp("rendered"))
    sample_images.run(params, layout)
    return params, layout


def test_every_scene_has_a_twin_with_one_changed_object(rendered):
    params, layout = rendered
    images, twins = (np.load(layout.samples / f"{name}.npy") for name in ("images", "twins"))
    size = params.scenes.resolution
    assert images.shape == twins.shape == (10, size, size, 3) and images.dtype == np.uint8
    changed = (images.astype(int) - twins).any(3).mean((1, 2))
    assert (changed > 0).all() and (changed < 0.9).all()   # pixels: an object and its shadow


def test_they_are_not_those_of_the_real_image_test(rendered, finished):
    tested = np.load(finished.layout.real_pairs / "images.npy")[:, 0]
    images = np.load(rendered[1].samples / "images.npy")
    assert all((tested != image).any((1, 2, 3)).all() for image in images)


def test_the_twin_is_the_edit(rendered):
    params, layout = rendered
    editor = random_edits.make_editor(params, layout, 1)
    twins = np.load(layout.samples / "twins.npy")
    nothing = torch.zeros(2)
    edited = editor(Batch(np.array([3, 1]), nothing, nothing, nothing, nothing))
    assert np.allclose(edited.pictures.permute(0, 2, 3, 1), twins[[3, 1]] / 127.5 - 1, atol=1e-6) and edited.valid.all()


def test_captions_choose_between_scene_and_twin(rendered, finished):
    params, layout = rendered
    for name in ("segmenter", "real_pairs"):
        (layout.root / "data" / name).symlink_to(finished.root / "data" / name)
    synthesize_captions.run(params, layout)
    pairs, encoders = read_pairs(params, layout), load_encoders(finished.layout.encoders("pretrain", "hard"), device())
    test = np.asarray(split_ranges(params.samples)["test"])
    found = twin_test(Material(params, layout, pairs, [], test, words=None, real=None), encoders)
    twins = np.load(layout.samples / "twins.npy")
    for name, samples in (("seen", range(4)), ("unseen", test)):
        right = []
        for sample in samples:
            heard = encoders.encode_audio(*pairs.speech.batch(np.array([sample])))
            own, other = (similarities(encoders.encode_images(to_images(pictures[[sample]])), *heard, params.davenet.similarity)
                          for pictures in (pairs.images, twins))
            right.append(float(own > other))
        assert found[name] == pytest.approx(100 * np.mean(right), abs=0.01)


def test_stages_that_edit_a_generator_s_units_say_so(rendered):
    with pytest.raises(WordbrushError, match=r"rendered scenes .* random-edits takes"):
        read_latents(rendered[1])
