"""Pictures in any form become the same bytes, or are refused in one sentence."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from wordbrush.data.pictures import load_pictures, resized
from wordbrush.errors import WordbrushError

PICTURES = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
VALUES = {
    "uint8": lambda x: x,
    "int64": lambda x: x.astype(np.int64),
    "uint16": lambda x: x.astype(np.uint16),
    "bytes as floats": lambda x: x.astype(np.float32),
    "float64": lambda x: x / 255.0,
    "float32": lambda x: (x / 255).astype(np.float32),
    "float16": lambda x: (x / 255).astype(np.float16),
    ">f4": lambda x: (x / 255).astype(">f4"),
    "bfloat16": lambda x: torch.from_numpy(x / 255).bfloat16(),
    "tensor": lambda x: torch.from_numpy(x / 255).float(),
}
AXES = {
    "[N, H, W, 3]": lambda x: x,
    "[N, H, W, 4]": lambda x: np.concatenate([x, np.full_like(x[..., :1], 255)], 3),
    "[N, 3, H, W]": lambda x: np.ascontiguousarray(x.transpose(0, 3, 1, 2)),
    "turned twice": lambda x: x[..., ::-1].copy()[..., ::-1],
    "column by column": np.asfortranarray,
}


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    values=st.sampled_from(sorted(VALUES)),
    axes=st.sampled_from(sorted(AXES)),
    count=st.integers(0, 5),
    size=st.integers(8, 16),
)
def test_the_same_pictures_in_any_form_give_the_same_bytes(values, axes, count, size):
    pictures = PICTURES[:count, :size, :size]
    loaded = load_pictures(VALUES[values](AXES[axes](pictures)))
    assert loaded.dtype == np.uint8 and np.array_equal(loaded, pictures)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    arrays.arrays(
        dtype=arrays.scalar_dtypes(),
        shape=st.one_of(
            arrays.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=5),
            st.sampled_from([(2, 9, 9, 3), (9, 9, 3), (3, 9, 9), (2, 3, 9, 9), (9, 9), (9, 12)]),
        ),
    ),
    st.integers(1, 20),
)
def test_whatever_comes_gives_pictures_or_one_sentence(came, side):
    try:
        pictures = resized(load_pictures(came), side)
    except WordbrushError as error:
        assert str(error).endswith(".") and "\n" not in str(error)
    else:
        assert pictures.dtype == np.uint8 and pictures.shape[1:] == (side, side, 3)


def test_grey_pictures_are_red_as_much_as_green_and_blue():
    grey = PICTURES[..., :1]
    assert np.array_equal(load_pictures(grey), np.broadcast_to(grey, PICTURES.shape))
    assert np.array_equal(load_pictures(grey[0, ..., 0]), np.broadcast_to(grey, PICTURES.shape)[:1])


def test_single_pictures_lists_and_files(tmp_path):
    names = [tmp_path / f"{number}.png" for number in range(len(PICTURES))]
    for name, picture in zip(names, PICTURES, strict=True):
        Image.fromarray(picture).save(name)
    opened = [Image.fromarray(picture) for picture in PICTURES]
    mixed = [names[0], str(names[1]), opened[2], PICTURES[3], torch.from_numpy(PICTURES[4] / 255)]
    for several in (list(PICTURES), tuple(names), opened, mixed):
        assert np.array_equal(load_pictures(several), PICTURES)
    for one in (PICTURES[0], names[0], str(names[0]), opened[0], opened[0].convert("RGBA")):
        assert np.array_equal(load_pictures(one), PICTURES[:1])
    assert load_pictures([]).shape[0] == 0


def test_a_photograph_stands_upright(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held on its side
    path = tmp_path / "photograph.png"
    Image.fromarray(np.rot90(PICTURES[0])).save(path, exif=turned)
    assert np.array_equal(load_pictures(path)[0], PICTURES[0])


def test_a_picture_of_twice_the_size_is_the_same_picture():
    twice = PICTURES.repeat(2, 1).repeat(2, 2)
    assert np.array_equal(resized(twice, 16), PICTURES)
    plain = np.full((2, 8, 8, 3), (200, 10, 60), np.uint8)
    assert (resized(plain, 16) == (200, 10, 60)).all() and resized(plain[:0], 16).shape[0] == 0


RGBA = np.concatenate([PICTURES, np.full_like(PICTURES[..., :1], 255)], 3)
RGBA[0, 0, 0, 3] = 0
UNIT = PICTURES / 255.0


@pytest.mark.parametrize(
    ("came", "sentence"),
    [
        (RGBA, "transparent pixels came"),
        (Image.fromarray(RGBA[0]), "transparent pixels came"),
        (UNIT * 2 - 1, "type float64 with values from -1 to 1 came"),
        (UNIT * 1.5, "type float64 with values from 0 to 1.5 came"),
        (PICTURES.astype(np.uint16) * 257, "type uint16 with values from 0 to 65535 came"),
        (PICTURES.astype(np.int16) - 1, "type int16 with values from -1 to 254 came"),
        (np.where(PICTURES[0, 0, 0, 0] == PICTURES, np.nan, UNIT), "not finite"),
        (PICTURES > 9, "pictures of type bool came"),
        (PICTURES + 0j, "pictures of type complex128 came"),
        (PICTURES.astype(object), "pictures of type object came"),
        (np.array([["a"]]), "pictures of type <U1 came"),
        (PICTURES[..., 0], r"shape \[5, 16, 16\] came as pictures"),
        (PICTURES[0].transpose(2, 0, 1), r"shape \[3, 16, 16\] came: if it is one picture"),
        (PICTURES[:3, ..., 0], r"shape \[3, 16, 16\] came: .* if it is grey pictures"),
        (PICTURES[None], r"shape \[1, 5, 16, 16, 3\] came as pictures"),
        (PICTURES[0, 0, :, 0], r"shape \[16\] came as pictures"),
        (PICTURES[:, :0], "pictures of 16×0 pixels came"),
        (PICTURES[:, :9], "pictures of 16×9 pixels came: bring square ones"),
        (PICTURES[:, :7, :7], "pictures of 7×7 pixels came"),
        ([PICTURES[0], PICTURES[0, :8, :8]], r"several sizes came \(8×8, 16×16\)"),
        ([PICTURES[:2]], r"an array \[2, 16, 16, 3\] came in a list of pictures"),
        (PICTURES[0].tolist(), "a list came in a list of pictures"),
        ({}, "an object of type dict came"),
        (None, "an object of type NoneType came"),
        (torch.from_numpy(PICTURES[0]).to_sparse(), "a tensor of torch.uint8 came"),
        ("no picture.png", "'no picture.png' is no picture that can be read"),
        (__file__, r"test_pictures\.py' is no picture that can be read"),
        ("a\0b", "is no picture that can be read"),
        ("", "is no picture that can be read"),
    ],
)
def test_what_is_no_picture_is_named(came, sentence):
    with pytest.raises(WordbrushError, match=sentence):
        resized(load_pictures(came), 16)
