"""Arrays that are written part by part have the bytes of np.save."""

import numpy as np
import pytest

from wordbrush.storage.growing import write_growing


@pytest.mark.parametrize("shape", [(), (3,), (4, 4, 3)])
def test_the_bytes_are_those_of_one_array(tmp_path, shape):
    rng = np.random.default_rng(0)
    parts = [rng.random((count, *shape)).astype(np.float16) for count in (1, 0, 1200, 7)]
    assert write_growing(tmp_path / "parts.npy", iter(parts)) == [1, 0, 1200, 7]
    np.save(tmp_path / "whole.npy", np.concatenate(parts))
    assert (tmp_path / "parts.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


def test_parts_that_differ_are_a_mistake(tmp_path):
    with pytest.raises(ValueError, match="after"):
        write_growing(tmp_path / "a.npy", [np.zeros((1, 2)), np.zeros((1, 3))])
    with pytest.raises(ValueError, match="nothing to write"):
        write_growing(tmp_path / "b.npy", [])
