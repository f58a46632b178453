"""Scenes keep CLEVR's rules, pictures can be rendered again, masks agree with geometry.

An edit changes one attribute of one object.
"""

import json

import numpy as np
import pytest
from PIL import Image

from wordbrush.errors import WordbrushError
from wordbrush.scenes import clevr, world
from wordbrush.scenes.masks import attribute_masks
from wordbrush.scenes.render import coverage, instances, picture, render_one, render_pair
from wordbrush.scenes.sampling import fits, sample_scene


@pytest.fixture(scope="module")
def scenes(tiny):
    return tiny.scenes.model_copy(
        update={"resolution": 32, "max_objects": 3, "extent": 1.6, "field_of_view": 28.0}
    )


def test_objects_keep_their_distance_and_the_schema(scenes):
    rng = np.random.default_rng(0)
    for number in range(40):
        scene = sample_scene(scenes, rng, number, "train")
        for k, thing in enumerate(scene["objects"]):
            assert set(thing) == {
                "shape",
                "material",
                "color",
                "size",
                "3d_coords",
                "rotation",
                "pixel_coords",
            }
            assert fits(thing, scene["objects"][:k], scenes, scene["directions"])
        assert json.loads(json.dumps(scene)) == scene


def test_directions_are_unit_vectors_on_the_floor():
    ways = world.directions(world.CAMERA)
    for name in ("left", "right", "front", "behind"):
        assert np.linalg.norm(ways[name]) == pytest.approx(1) and ways[name][2] == 0
    assert np.dot(ways["right"], ways["behind"]) == pytest.approx(0)
    assert np.dot(ways["front"], world.CAMERA) > 0


def test_relations_are_mutual(scenes):
    scene = sample_scene(
        scenes.model_copy(update={"min_objects": 3}), np.random.default_rng(1), 0, "train"
    )
    related = scene["relationships"]
    for one in range(3):
        for other in related["left"][one]:
            assert one in related["right"][other]
        for other in related["front"][one]:
            assert one in related["behind"][other]


def test_a_world_that_cannot_fit_is_refused_by_name(scenes):
    crowded = scenes.model_copy(update={"min_objects": 10, "max_objects": 10, "extent": 0.5})
    with pytest.raises(WordbrushError, match=r"10 objects do not fit .* extent 0\.5"):
        sample_scene(crowded, np.random.default_rng(0), 0, "train")


def test_a_scene_renders_again_from_its_json_alone(scenes):
    scene, image, mask = render_one(scenes, 7, 3)
    again = json.loads(json.dumps(scene))
    assert np.array_equal(picture(again, scenes), image) and np.array_equal(
        instances(again, scenes), mask
    )
    assert image.std() > 5


def test_masks_agree_with_geometry(scenes):
    lonely = scenes.model_copy(update={"max_objects": 1})
    for number in range(6):
        scene, _, mask = render_one(lonely, 1, number)
        (thing,) = scene["objects"]
        middle = np.argwhere(mask == 1).mean(0)[::-1] + 0.5
        assert np.linalg.norm(middle - thing["pixel_coords"][:2]) < 1.5
        width = np.ptp(np.argwhere(mask == 1)[:, 1]) + 1
        across = (
            2 * world.RADIUS[thing["size"]] / thing["pixel_coords"][2] * 16 / np.tan(np.radians(14))
        )
        assert width == pytest.approx(across, abs=0.45 * across)
        planes = attribute_masks(mask, scene["objects"])
        for plane, (name, values) in zip(planes, world.ATTRIBUTES.items(), strict=True):
            assert set(np.unique(plane)) == {0, 1 + values.index(thing[name])}


def test_every_pixel_of_a_mask_is_of_an_object_that_is_there(scenes):
    """Among others, an object shows no more than it shows alone."""
    crowded = scenes.model_copy(update={"min_objects": 3, "max_objects": 3})
    for number in range(4):
        scene, _, mask = render_one(crowded, 2, number)
        for k, thing in enumerate(scene["objects"], 1):
            alone = coverage({**scene, "objects": [thing]}, crowded)[1]
            assert (alone[mask == k] > 0).all()


def test_no_scene_loses_an_object(scenes):
    """In several hundred loads, the shapes lie at different addresses.

    This once gave masks of other shapes.
    """
    pair = scenes.model_copy(update={"min_objects": 2, "max_objects": 2, "resolution": 16})
    for number in range(400):
        scene = sample_scene(pair, np.random.default_rng(number), number, "train")
        shares = coverage(scene, pair)
        for k, thing in enumerate(scene["objects"], 1):
            x, y = (int(along) for along in thing["pixel_coords"][:2])
            other = scene["objects"][2 - k]
            # the nearer one is not covered
            if other["pixel_coords"][2] > thing["pixel_coords"][2]:
                assert shares[k, y, x] > 0.5, (number, k)


def test_an_edit_changes_one_attribute_of_one_object(scenes):
    for number in range(6):
        pair, images = render_pair(scenes, 2, number)
        original, edited = pair["scene"]["objects"], pair["edited"]["objects"]
        different = [
            (k, name)
            for k in range(len(original))
            for name in world.ATTRIBUTES
            if original[k][name] != edited[k][name]
        ]
        assert different == [(pair["object"], pair["attribute"])]
        assert edited[pair["object"]][pair["attribute"]] == pair["after"] != pair["before"]
        assert pair["scene"]["jitter"] == pair["edited"]["jitter"]
        assert (images[0] != images[1]).any()


def test_a_clevr_folder_is_read_or_refused_by_what_is_missing(tmp_path):
    with pytest.raises(
        WordbrushError, match=r"is not a CLEVR v1\.0 folder: .*images/train is missing"
    ):
        clevr.check(tmp_path)
    (tmp_path / "images/train").mkdir(parents=True)
    with pytest.raises(WordbrushError, match=r"CLEVR_train_scenes\.json is missing"):
        clevr.check(tmp_path)
    (tmp_path / "scenes").mkdir()
    names = ["CLEVR_train_000000.png", "CLEVR_train_000001.png"]
    (tmp_path / "scenes/CLEVR_train_scenes.json").write_text(
        json.dumps({"scenes": [{"image_filename": n} for n in names]})
    )
    halves = np.zeros((32, 48, 3), np.uint8)
    halves[:, 24:] = 200
    Image.fromarray(halves).save(tmp_path / "images/train" / names[0])
    (only,) = clevr.pictures(tmp_path, 1, 16)
    assert only.shape == (16, 16, 3) and (only[:, :8] == 0).all() and (only[:, 8:] == 200).all()
    with pytest.raises(WordbrushError, match=r"scenes\.count is 3, but .* has 2"):
        list(clevr.pictures(tmp_path, 3, 16))
    (tmp_path / "images/train" / names[1]).write_bytes(b"no picture")
    with pytest.raises(WordbrushError, match=r"000001\.png is not a readable picture"):
        list(clevr.pictures(tmp_path, 2, 16))
