"""Pictures, sounds and charts as data URIs. Same input, same bytes: no dates, no random ids."""

import base64
import io
import textwrap

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

matplotlib.rcParams.update(
    {
        "svg.hashsalt": "wordbrush",
        "svg.fonttype": "none",
        "font.size": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)

INK = "#7a7a85"  # readable on light and on dark paper
ACCENTS = ("#4c78d0", "#d0703c", "#3f9d6a", "#a05cc0", "#c0a030", "#50a8b8")
MATCHMAP_STEPS = 8
LABEL = 30  # letters of a chart's label in one line: its height holds no more


def data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def png(image: np.ndarray) -> str:
    """uint8 [H, W, 3] as a PNG data URI."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", optimize=True)
    return data_uri("image/png", buffer.getvalue())


def flac(data: bytes) -> str:
    return data_uri("audio/flac", data)


def tile(images: np.ndarray, columns: int) -> np.ndarray:
    """Pictures [N, H, W, 3] in rows of `columns`, one pixel apart; only whole rows."""
    rows = max(1, len(images) // columns)
    images = np.pad(images[: rows * columns], ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=255)
    height, width = images.shape[1:3]
    return (
        images.reshape(rows, -1, height, width, 3)
        .swapaxes(1, 2)
        .reshape(rows * height, -1, 3)[:-1, :-1]
    )


def mark(image: np.ndarray, y: float, x: float) -> np.ndarray:
    """A picture with a white frame around the pixel given as shares of its size."""
    height, width = image.shape[:2]
    row, column = int(y * height), int(x * width)
    top, bottom = max(0, row - 3), min(height - 1, row + 3)
    left, right = max(0, column - 3), min(width - 1, column + 3)
    marked = image.copy()
    marked[[top, bottom], left : right + 1] = 255
    marked[top : bottom + 1, [left, right]] = 255
    return marked


def heat(image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """A picture dimmed where the map [h, w] in 0..1 is low."""
    scale = image.shape[0] // weights.shape[0]
    enlarged = np.kron(weights, np.ones((scale, scale)))[..., None]
    return (image * (0.2 + 0.8 * enlarged)).round().astype(np.uint8)


def film(image: np.ndarray, maps: np.ndarray) -> list[str]:
    """A matchmap [h, w, t] as a strip of pictures through time."""
    parts = np.array_split(np.arange(maps.shape[2]), min(MATCHMAP_STEPS, maps.shape[2]))
    peak = max(float(maps.max()), 1e-6)
    return [png(heat(image, (maps[:, :, part].max(2) / peak).astype(np.float64))) for part in parts]


def chart(
    series: dict[str, tuple[list[float], list[float]]], x: str, y: str, logarithmic: bool = False
) -> str:
    """Lines by name as an SVG data URI. One of a single point has a dot."""
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    for number, (name, (xs, ys)) in enumerate(series.items()):
        marker, color = "o" if len(xs) == 1 else "", ACCENTS[number % len(ACCENTS)]
        axes.plot(xs, ys, label=name, color=color, linewidth=1.6, marker=marker)
    if all(float(one).is_integer() for xs, _ in series.values() for one in xs):
        axes.locator_params(axis="x", integer=True)  # steps and layers have no halves
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(textwrap.fill(y, LABEL), color=INK)
    axes.tick_params(colors=INK)
    for side in axes.spines.values():
        side.set_color(INK)
    if logarithmic:
        axes.set_yscale("log")
    if len(series) > 1:
        axes.legend(frameon=False, labelcolor=INK, fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return data_uri("image/svg+xml", buffer.getvalue())
