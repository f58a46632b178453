"""The facts of the CLEVR world (C): attributes, sizes, colours, camera and directions."""

import numpy as np

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "shape": ("cube", "sphere", "cylinder"),
    "material": ("rubber", "metal"),
    "color": ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow"),
    "size": ("small", "large"),
}
RADIUS = {"small": 0.35, "large": 0.7}
RGB = {
    "gray": (87, 87, 87),
    "red": (173, 35, 35),
    "blue": (42, 75, 215),
    "green": (29, 105, 20),
    "brown": (129, 74, 25),
    "purple": (129, 38, 192),
    "cyan": (41, 208, 208),
    "yellow": (255, 238, 51),
}
CAMERA = np.array([7.36, -6.93, 4.96])  # C: the camera of base_scene.blend
TARGET = np.array([0.0, 0.0, 0.4])  # ours: what it looks at, the middle of the objects
LIGHTS = {
    "key": np.array([2.0, -6.0, 6.0]),
    "fill": np.array([6.0, 3.0, 4.0]),
    "back": np.array([-5.0, 4.0, 6.0]),
}
RELATION_EPSILON = 0.2  # C: how far apart two objects must be along a direction to be related


def half_width(thing: dict) -> float:
    """C: a cube of `size` r has the side r·√2, so that it looks as large as its sphere."""
    radius = RADIUS[thing["size"]]
    return radius / 2**0.5 if thing["shape"] == "cube" else radius


def directions(camera: np.ndarray) -> dict[str, list[float]]:
    """Unit vectors right, left, front, behind, above and below, as seen from `camera`."""
    behind = -camera * [1, 1, 0]
    behind = behind / np.linalg.norm(behind)
    right = np.cross(behind, [0, 0, 1])
    vectors = {
        "right": right,
        "left": -right,
        "front": -behind,
        "behind": behind,
        "above": np.array([0, 0, 1.0]),
        "below": np.array([0, 0, -1.0]),
    }
    return {name: (vector + 0.0).tolist() for name, vector in vectors.items()}


def relationships(objects: list[dict], ways: dict[str, list[float]]) -> dict[str, list[list[int]]]:
    """C: for each direction and object, the objects that lie that way by more than the epsilon."""
    positions = np.array([thing["3d_coords"] for thing in objects])
    related = {}
    for name in ("right", "behind", "front", "left"):
        along = positions @ np.array(ways[name])
        related[name] = [np.flatnonzero(along > own + RELATION_EPSILON).tolist() for own in along]
    return related


def project(
    point: np.ndarray, camera: np.ndarray, field_of_view: float, resolution: int
) -> list[float]:
    """Pixel x, pixel y and depth of a point of the world (perspective, looking at the target)."""
    forward = (TARGET - camera) / np.linalg.norm(TARGET - camera)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    offset = np.asarray(point) - camera
    depth = offset @ forward
    scale = resolution / 2 / np.tan(np.radians(field_of_view) / 2) / depth
    return [
        float(resolution / 2 + scale * (offset @ right)),
        float(resolution / 2 - scale * (offset @ up)),
        float(depth),
    ]
