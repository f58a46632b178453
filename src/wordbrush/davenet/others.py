"""Starting the picture branch from weights that others trained on ImageNet, as is usual.

They are those of VGG16 with batch norm or of ResNet-50, as torchvision and timm name their tensors
(`vgg16_bn`, `resnet50`), in a safetensors file that the user brings. Nothing is ever unpickled.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from wordbrush.davenet.encoders import VGG16, ImageEncoder
from wordbrush.davenet.resnet import Bottleneck
from wordbrush.errors import WordbrushError, refusal
from wordbrush.params import ImageWeights

# How torchvision and timm shift and scale pictures in [0, 1]; ours are in [-1, 1].
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NORM = ("weight", "bias", "running_mean", "running_var")
JSON_AT = 8  # in safetensors: before it stands a length, which may look like a pickle
PICKLES = (b"PK\x03\x04", b"\x80")  # how files of torch.save begin, new and old
CONVERT = (
    "convert it once, where you trust it: safetensors.torch.save_file(model.state_dict(), FILE)"
)


@dataclass(frozen=True)
class Counterpart:
    """A convolution of a picture branch and its norm, and their names there; `biased`: theirs has
    a bias, which ours does without."""

    convolution: nn.Conv2d
    norm: nn.BatchNorm2d
    convolution_name: str
    norm_name: str
    biased: bool

    @property
    def shapes(self) -> dict[str, list[int]]:
        """Their tensors, and the shapes that they must have."""
        weight = list(self.convolution.weight.shape)
        found = {f"{self.convolution_name}.weight": weight}
        if self.biased:
            found[f"{self.convolution_name}.bias"] = weight[:1]
        return found | {f"{self.norm_name}.{name}": weight[:1] for name in NORM}


def start_from(branch: ImageEncoder, weights: ImageWeights) -> None:
    """Give the convolutions of a picture branch, but the last, the weights of a file.

    The shift and scale of pictures are folded into the first convolution, and the convolutions'
    biases into the running means of their norms. Raises WordbrushError as `require_weights`.
    """
    tensors = dict(read_weights(branch, weights))
    for number, one in enumerate(counterparts(branch)):
        weight = tensors[f"{one.convolution_name}.weight"]
        bias = tensors[f"{one.convolution_name}.bias"] if one.biased else weight.new_zeros(1)
        if number == 0:
            weight, bias = for_our_pictures(weight, bias)
        gain, offset, mean, variance = (tensors[f"{one.norm_name}.{name}"] for name in NORM)
        norm = one.norm
        assert norm.running_mean is not None and norm.running_var is not None
        with torch.no_grad():
            one.convolution.weight.copy_(weight)
            norm.weight.copy_(gain)
            norm.bias.copy_(offset)
            norm.running_mean.copy_(mean - bias)
            norm.running_var.copy_(variance)


def counterparts(branch: ImageEncoder) -> list[Counterpart]:
    """All convolutions with a norm but the last, in their order: of a ResNet, or of VGG16."""
    if branch.stages is not None:
        return list(_of_resnet(branch, branch.stages.blocks))
    convolutions = [one for one in branch.layers if isinstance(one, nn.Conv2d)][:-1]
    norms = [one for one in branch.layers if isinstance(one, nn.BatchNorm2d)]
    return [
        Counterpart(convolution, norm, f"features.{at}", f"features.{at + 1}", biased=True)
        for at, convolution, norm in zip(places(), convolutions, norms, strict=False)
    ]


def _of_resnet(branch: ImageEncoder, blocks: Sequence[int]) -> Iterator[Counterpart]:
    def pair(layers: nn.Sequential, at: int, convolution: str, norm: str) -> Counterpart:
        ours = cast(nn.Conv2d, layers[at]), cast(nn.BatchNorm2d, layers[at + 1])
        return Counterpart(*ours, convolution, norm, biased=False)

    yield pair(branch.layers, 0, "conv1", "bn1")
    bottlenecks = (one for one in branch.layers if isinstance(one, Bottleneck))
    for stage, count in enumerate(blocks, start=1):
        for number, block in zip(range(count), bottlenecks, strict=False):
            name = f"layer{stage}.{number}"
            for place, at in enumerate((0, 3, 6), start=1):
                yield pair(block.layers, at, f"{name}.conv{place}", f"{name}.bn{place}")
            if isinstance(block.skip, nn.Sequential):
                yield pair(block.skip, 0, f"{name}.downsample.0", f"{name}.downsample.1")


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


def shapes(branch: ImageEncoder) -> dict[str, list[int]]:
    """The tensors that are read, and their shapes."""
    return {name: shape for one in counterparts(branch) for name, shape in one.shapes.items()}


def require_weights(branch: ImageEncoder, weights: ImageWeights) -> None:
    """Raises WordbrushError where a branch cannot start from them: the file is missing, is no
    safetensors file, has another hash, or lacks a tensor or has it in another shape or kind."""
    for _ in read_weights(branch, weights):
        pass


def read_weights(branch: ImageEncoder, weights: ImageWeights) -> Iterator[tuple[str, Tensor]]:
    """The tensors of the file by name, checked one by one: float32."""
    path = Path(weights.file or "")
    require_hash(path, weights.sha256)
    try:
        with safe_open(path, framework="pt") as file:
            wanted = shapes(branch)
            require_shapes(path, file, wanted, "vgg16_bn" if branch.stages is None else "resnet50")
            for name in wanted:
                tensor = file.get_tensor(name)
                numbers = tensor.float() if tensor.is_floating_point() else None
                if numbers is None or not numbers.isfinite().all():
                    raise WordbrushError(
                        f"{path}: {name} holds {tensor.dtype} that are no finite numbers."
                    )
                yield name, numbers
    except SafetensorError as error:
        raise WordbrushError(
            f"{path} is no whole safetensors file ({str(error).splitlines()[0]})."
        ) from None


def require_shapes(path: Path, file: Any, shapes: dict[str, list[int]], network: str) -> None:
    """Raises WordbrushError, which names the tensor and its shapes. network: whose they are."""
    there = set(file.keys())
    for name, wanted in shapes.items():
        if name not in there:
            raise WordbrushError(
                f"{path} has no tensor {name} {wanted}: bring the weights of {network} of "
                f"torchvision or timm. The file has {len(there)} tensors"
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
    try:
        if not path.is_file():
            raise WordbrushError(f"{path} is no file: name the weights in safetensors.")
        with path.open("rb") as file:
            began = file.read(JSON_AT + 1)
            file.seek(0)
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WordbrushError(f"{path} cannot be read ({refusal(error)}).") from None
    if began.startswith(PICKLES) and began[JSON_AT:] != b"{":
        raise WordbrushError(
            f"{path} is a pickle, which could run any code and is never loaded: {CONVERT}."
        )
    if found != sha256:
        what = "sha256 is null" if sha256 is None else f"sha256 is {sha256}"
        raise WordbrushError(f"{what}, and {path} has {found}: set it to that if it is the file.")
