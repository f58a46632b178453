"""Starting the picture branch from weights that others trained on ImageNet, as is usual.

They are those of VGG16 with batch norm, as torchvision and timm name its tensors (`vgg16_bn`), in a
safetensors file that the user brings. Nothing is ever unpickled.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from wordbrush.davenet.encoders import VGG16, ImageEncoder
from wordbrush.errors import WordbrushError
from wordbrush.params import ImageWeights

# How torchvision and timm shift and scale pictures in [0, 1]; ours are in [-1, 1].
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CONVOLUTION, NORM = ("weight", "bias"), ("weight", "bias", "running_mean", "running_var")
PICKLES = (b"PK\x03\x04", b"\x80")  # how files of torch.save begin, new and old
CONVERT = (
    "convert it once, where you trust it: safetensors.torch.save_file(model.state_dict(), FILE)"
)


def start_from(branch: ImageEncoder, weights: ImageWeights) -> None:
    """Give the convolutions of a picture branch, but the last, the weights of a file.

    The shift and scale of pictures are folded into the first convolution, and the convolutions'
    biases into the running means of their norms. Raises WordbrushError as `require_weights`.
    """
    tensors = dict(read_weights(weights))
    convolutions = [one for one in branch.layers if isinstance(one, nn.Conv2d)][:-1]
    norms = [one for one in branch.layers if isinstance(one, nn.BatchNorm2d)]
    for number, (at, convolution) in enumerate(zip(places(), convolutions, strict=True)):
        weight, bias = (tensors[f"features.{at}.{name}"] for name in CONVOLUTION)
        if number == 0:
            weight, bias = for_our_pictures(weight, bias)
        gain, offset, mean, variance = (tensors[f"features.{at + 1}.{name}"] for name in NORM)
        norm = norms[number]
        assert norm.running_mean is not None and norm.running_var is not None
        with torch.no_grad():
            convolution.weight.copy_(weight)
            norm.weight.copy_(gain)
            norm.bias.copy_(offset)
            norm.running_mean.copy_(mean - bias)
            norm.running_var.copy_(variance)


def for_our_pictures(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """A first convolution [C, 3, h, w] of theirs that gives the same of pictures in [-1, 1].

    Around a picture theirs sees the mean colour, and so ours a grey: a pixel at the border differs.
    """
    mean, deviation = torch.tensor(MEAN), torch.tensor(DEVIATION)
    shift = (0.5 - mean) / deviation
    scaled = weight * (0.5 / deviation)[None, :, None, None]
    return scaled, bias + (weight.sum((2, 3)) * shift).sum(1)


def places() -> Iterator[int]:
    """The numbers of the convolutions among their `features`: each is followed by a norm and a
    ReLU, and each block by a pool."""
    at = 0
    for widths in VGG16:
        for _ in widths:
            yield at
            at += 3
        at += 1


def shapes() -> dict[str, list[int]]:
    """The tensors that are read, and their shapes."""
    found, inputs = {}, 3
    for at, width in zip(places(), (one for block in VGG16 for one in block), strict=True):
        found[f"features.{at}.weight"] = [width, inputs, 3, 3]
        found[f"features.{at}.bias"] = [width]
        found |= {f"features.{at + 1}.{name}": [width] for name in NORM}
        inputs = width
    return found


def require_weights(weights: ImageWeights) -> None:
    """Raises WordbrushError: the file is missing, is no safetensors file, has another hash, or
    lacks a tensor or has it in another shape or kind."""
    for _ in read_weights(weights):
        pass


def read_weights(weights: ImageWeights) -> Iterator[tuple[str, Tensor]]:
    """The tensors of the file by name, checked one by one: float32."""
    path = Path(weights.file or "")
    require_hash(path, weights.sha256)
    try:
        with safe_open(path, framework="pt") as file:
            require_shapes(path, file)
            for name in shapes():
                tensor = file.get_tensor(name)
                if not tensor.is_floating_point() or not tensor.isfinite().all():
                    raise WordbrushError(
                        f"{path}: {name} holds {tensor.dtype} that are no finite numbers."
                    )
                yield name, tensor.float()
    except SafetensorError as error:
        raise WordbrushError(
            f"{path} is no whole safetensors file ({str(error).splitlines()[0]})."
        ) from None


def require_shapes(path: Path, file: Any) -> None:
    """Raises WordbrushError, which names the tensor and its shapes."""
    there = set(file.keys())
    for name, wanted in shapes().items():
        if name not in there:
            raise WordbrushError(
                f"{path} has no tensor {name} {wanted}: bring the weights of vgg16_bn, VGG16 with "
                f"batch norm, of torchvision or timm. The file has {len(there)} tensors"
                f"{_first(file, there)}."
            )
        if (found := list(file.get_slice(name).get_shape())) != wanted:
            raise WordbrushError(f"{path}: {name} has the shape {found}, and {wanted} is needed.")


def _first(file: Any, there: set[str]) -> str:
    """One of the tensors that a wrong file has, for people to see what it is."""
    name = min(there, default=None)
    return f", such as {name} {list(file.get_slice(name).get_shape())}" if name else ""


def require_hash(path: Path, sha256: str | None) -> None:
    """Raises WordbrushError for a file that is missing, is a pickle, or is not the one with this
    hash: results depend on its content, and DVC sees the parameters alone."""
    if not path.is_file():
        raise WordbrushError(f"{path} is no file: name the weights in safetensors.")
    with path.open("rb") as file:
        if file.read(4).startswith(PICKLES):
            raise WordbrushError(
                f"{path} is a pickle, which could run any code and is never loaded: {CONVERT}."
            )
        file.seek(0)
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        what = "sha256 is null" if sha256 is None else f"sha256 is {sha256}"
        raise WordbrushError(f"{what}, and {path} has {found}: set it to that if it is the file.")
