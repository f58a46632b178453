"""The segmenter's targets and how it reads its maps, by hand; and that it learns."""

import numpy as np
import torch

from wordbrush.scenes.world import ATTRIBUTES, RGB
from wordbrush.segmenter.parsing import _objects, parse
from wordbrush.segmenter.presences import chances_of, pixels_of, presences
from wordbrush.segmenter.scoring import score
from wordbrush.segmenter.training import LabelledPictures, centre_maps, train


def test_centre_maps_peak_in_the_middle_of_objects():
    mask = torch.zeros(1, 16, 16, dtype=torch.uint8)
    mask[0, 2:5, 3:6] = 1
    mask[0, 10:13, 8:13] = 2
    heat = centre_maps(mask)[0]
    assert heat[3, 4] == 1 and heat[11, 10] == 1 and heat[0, 15] < 1e-3
    assert (centre_maps(torch.zeros_like(mask)) == 0).all()


def test_objects_are_read_off_the_maps():
    centre, presence, logits = (
        torch.full((1, 8, 8), -9.0),
        torch.full((1, 8, 8), -9.0),
        torch.zeros(1, 15, 8, 8),
    )
    for y, x, color in ((2, 2, 1), (6, 5, 3)):
        centre[0, y, x] = 9
        presence[0, y - 1 : y + 2, x - 1 : x + 2] = 9
        logits[0, 5 + color, y - 1 : y + 2, x - 1 : x + 2] = 20
    logits[0, 0], logits[0, 4], logits[0, 14] = 20, 20, 20
    (found,), (mask,) = _objects(centre, presence, logits, ATTRIBUTES)
    assert [(thing["x"], thing["y"], thing["color"], thing["area"]) for thing in found] == [
        (2.0, 2.0, "red", 9),
        (5.0, 6.0, "green", 9),
    ]
    assert all(
        (thing["shape"], thing["material"], thing["size"]) == ("cube", "metal", "large")
        for thing in found
    )
    assert all(thing["confidence"] > 0.99 and thing["certainty"] > 0.99 for thing in found)
    assert (mask[1:4, 1:4] == 1).all() and (mask[5:8, 4:7] == 2).all() and (mask > 0).sum() == 18
    nothing, mask = _objects(torch.full((1, 8, 8), -9.0), presence, logits, ATTRIBUTES)
    assert nothing == [[]] and not mask.any()


def test_pixels_vote_on_the_object_that_they_are_nearest_to():
    presence = torch.full((1, 8, 8), -9.0)
    presence[0, 2, 1:7] = 9.0
    objects = [{"x": 1.0, "y": 2.0}, {"x": 6.0, "y": 2.0}]
    mine = pixels_of(presence, [objects])
    assert mine[0, 0].nonzero().tolist() == [[2, 1], [2, 2], [2, 3]]
    assert mine[0, 1].nonzero().tolist() == [[2, 4], [2, 5], [2, 6]]
    assert not mine[0, 2:].any()
    logits = torch.zeros(1, 5, 8, 8)
    logits[0, 1, 2, 1:4], logits[0, 3, 2, 4:7] = 20.0, 20.0
    first, second, nothing = chances_of(logits, mine, [3, 2])[0, :3]
    torch.testing.assert_close(first, torch.tensor([0.0, 1.0, 0.0, 0.5, 0.5]))
    torch.testing.assert_close(second, torch.tensor([1 / 3, 1 / 3, 1 / 3, 1.0, 0.0]))
    torch.testing.assert_close(nothing, torch.tensor([1 / 3, 1 / 3, 1 / 3, 0.5, 0.5]))


def test_it_learns_to_read_coloured_squares(tiny):
    rng = np.random.default_rng(0)
    count, names = 200, ATTRIBUTES["color"]
    images = np.full((count, 16, 16, 3), 120, np.uint8)
    instances = np.zeros((count, 16, 16), np.uint8)
    attributes = np.zeros((count, 4, 16, 16), np.uint8)
    scenes = []
    for n in range(count):
        y, x, color = rng.integers(1, 10), rng.integers(1, 10), rng.integers(8)
        side = (slice(y, y + 5), slice(x, x + 5))
        images[n][side], instances[n][side] = RGB[names[color]], 1
        attributes[n][:, side[0], side[1]] = np.array([1, 1, 1 + color, 1])[:, None, None]
        scenes.append(
            {
                "objects": [
                    {
                        "shape": "cube",
                        "material": "rubber",
                        "color": names[color],
                        "size": "small",
                        "pixel_coords": [x + 2.5, y + 2.5, 9.0],
                    }
                ]
            }
        )
    torch.manual_seed(0)
    params = tiny.segmenter.model_copy(update={"steps": 150, "learning_rate": 0.01, "noise": 0.01})
    network, curve = train(params, LabelledPictures(images, instances, attributes), 0)
    parsed = parse(network, images[:50])
    metrics, _ = score(parsed, scenes[:50], 16, list(ATTRIBUTES))
    assert curve[-1][1] < curve[0][1] / 3
    assert metrics["found"] > 90 and metrics["color"] > 80 and metrics["shape"] == 100
    shown = np.array([names.index(scene["objects"][0]["color"]) for scene in scenes[:50]])
    found = presences(network, images[:50], parsed)
    assert found.shape == (50, 15) and (found >= 0).all() and (found <= 1).all()
    assert (found[:, 5:13].argmax(1) == shown).mean() > 0.8
    assert found[:, 0].mean() > 0.5 > found[:, 1:3].max()
    assert presences(network, images[:1], [[]]).max() == 0
