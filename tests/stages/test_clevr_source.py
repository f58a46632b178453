"""`scenes.source: clevr`: the GAN learns from the pictures of a CLEVR v1.0 folder.

All else still comes from rendered scenes.
"""

import json

import numpy as np
import pytest
from PIL import Image

from wordbrush import params as parameters
from wordbrush.errors import WordbrushError
from wordbrush.gan.sampling import load_generator
from wordbrush.scenes import clevr
from wordbrush.stages import render_scenes, train_gan
from wordbrush.storage.layout import Layout
from wordbrush.training.compute import device, set_seed


@pytest.fixture
def clevr_folder(tmp_path, tiny):
    """Pictures of 48×32 in one red, as CLEVR names them."""
    folder = tmp_path / "CLEVR_v1.0"
    (folder / "images/train").mkdir(parents=True)
    (folder / "scenes").mkdir()
    names = [f"CLEVR_train_{number:06d}.png" for number in range(tiny.scenes.count)]
    for name in names:
        Image.new("RGB", (48, 32), (200, 10, 10)).save(folder / "images/train" / name)
    scenes = [{"image_filename": name, "objects": []} for name in names]
    (folder / "scenes/CLEVR_train_scenes.json").write_text(json.dumps({"scenes": scenes}))
    return folder


def test_the_gan_learns_from_clevr(clevr_folder, tmp_path, tiny):
    values = tiny.model_dump()
    values["scenes"] |= {"source": "clevr", "clevr_path": str(clevr_folder)}
    params, layout = parameters.parse(values, "test"), Layout(tmp_path)
    render_scenes.run(params, layout)
    pictures = np.load(layout.scenes / "gan_images.npy")
    assert pictures.shape == (tiny.scenes.count, 16, 16, 3) and (pictures == (200, 10, 10)).all()
    assert (
        np.load(layout.scenes / "images.npy").std() > 5
    )  # the rendered world, with masks, for the segmenter
    set_seed(params.seed)
    train_gan.run(params, layout)
    learned = load_generator(layout.generator, device()).state_dict()
    (layout.scenes / "gan_images.npy").unlink()
    np.save(layout.scenes / "gan_images.npy", 255 - pictures)
    set_seed(params.seed)
    train_gan.run(params, layout)
    other = load_generator(layout.generator, device()).state_dict()
    assert any((learned[name] != other[name]).any() for name in learned)


def test_scenes_may_begin_with_a_byte_order_mark(clevr_folder, tiny):
    path = clevr_folder / "scenes/CLEVR_train_scenes.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(clevr.check(clevr_folder)) == tiny.scenes.count


@pytest.mark.parametrize("content", ["{", '{"scenes": []}', '{"scenes": [{"image": "a.png"}]}'])
def test_damaged_scenes_are_their_owner_s(clevr_folder, content):
    (clevr_folder / "scenes/CLEVR_train_scenes.json").write_text(content)
    with pytest.raises(
        WordbrushError, match=r"CLEVR_train_scenes\.json.* wordbrush import"
    ) as found:
        clevr.check(clevr_folder)
    assert "dvc" not in str(found.value)
