"""Weights of others, in a file as torchvision and timm name and shape its tensors."""

import hashlib
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from wordbrush.audio.config import FeatureConfig
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoders import VGG16, ImageEncoder
from wordbrush.davenet.others import DEVIATION, MEAN, require_weights, start_from
from wordbrush.errors import WordbrushError
from wordbrush.params import ImageWeights, Params, parse
from wordbrush.storage.yaml import merge


def theirs() -> nn.Sequential:
    """`vgg16_bn(...).features` of torchvision, whose last pool we leave out."""
    layers: list[nn.Module] = []
    inputs = 3
    for number, widths in enumerate(VGG16):
        for width in widths:
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            inputs = width
        if number < len(VGG16) - 1:
            layers += [nn.MaxPool2d(2)]
    torch.manual_seed(3)
    network = nn.Sequential(*layers)
    for module in network:
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 1.0, 2.0)
    return network.eval()


@pytest.fixture(scope="module")
def network() -> nn.Sequential:
    return theirs()


@pytest.fixture(scope="module")
def state(network) -> dict[str, Tensor]:
    state = {f"features.{name}": value for name, value in network.state_dict().items()}
    return {**state, "classifier.6.bias": torch.zeros(10)}


def written(folder: Path, state: dict[str, Tensor]) -> ImageWeights:
    path = folder / "weights.safetensors"
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    return ImageWeights(file=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def expected(network: nn.Sequential, images: Tensor) -> Tensor:
    """What their network sees, where zeros in [-1, 1] lie around the picture, as around ours."""
    mean, deviation = (torch.tensor(one)[:, None, None] for one in (MEAN, DEVIATION))
    x = (F.pad(images, (1, 1, 1, 1)) / 2 + 0.5 - mean) / deviation
    first = network[0]
    return network[1:](F.conv2d(x, first.weight, first.bias))


def test_the_branch_sees_what_their_network_sees(network, state, tiny, tmp_path):
    changes = {"davenet": {"image_network": "vgg16", "image_size": 32}}
    params = parse(merge(tiny.model_dump(), changes), "test")
    features = FeatureConfig.taken_from(params.captions)
    branch = ImageEncoder(EncoderConfig.of(params.davenet, features)).eval()
    last = [one.clone() for one in branch.layers[-2].parameters()]
    start_from(branch, written(tmp_path, state))
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        seen, wanted = branch.layers[:-2](images), expected(network, images)
    assert wanted.std() > 1e-3
    assert torch.allclose(seen, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))
    assert all(map(torch.equal, last, branch.layers[-2].parameters()))


def test_tensors_that_do_not_fit_are_named_with_their_shapes(state, tmp_path):
    without = {name: value for name, value in state.items() if name != "features.1.running_mean"}
    with pytest.raises(WordbrushError, match=r"no tensor features.1.running_mean \[64\].*vgg16_bn"):
        require_weights(written(tmp_path, without))
    other = {**state, "features.3.weight": torch.zeros(64, 32, 3, 3)}
    words = r"features.3.weight has the shape \[64, 32, 3, 3\], and \[64, 64, 3, 3\] is needed"
    with pytest.raises(WordbrushError, match=words):
        require_weights(written(tmp_path, other))
    damaged = {**state, "features.0.bias": torch.full((64,), torch.nan)}
    with pytest.raises(WordbrushError, match=r"features.0.bias .* no finite numbers"):
        require_weights(written(tmp_path, damaged))


def test_files_that_are_none_of_theirs_are_refused_in_a_sentence(state, tmp_path):
    good = written(tmp_path, state)
    require_weights(good)
    path = Path(good.file or "")
    with pytest.raises(WordbrushError, match=f"sha256 is null, and .* has {good.sha256}"):
        require_weights(good.model_copy(update={"sha256": None}))
    path.write_bytes(path.read_bytes()[:1000])
    cut = good.model_copy(update={"sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    with pytest.raises(WordbrushError, match="is no whole safetensors file"):
        require_weights(cut)
    with pytest.raises(WordbrushError, match="is no file"):
        require_weights(ImageWeights(file=str(tmp_path / "nowhere"), sha256=None))


@pytest.mark.parametrize("kind", ["torch", "old"])
def test_pickles_are_never_loaded(kind, tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    path = tmp_path / "weights.pth"
    if kind == "torch":
        torch.save({"features.0.weight": Trap()}, path)
    else:
        path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(WordbrushError, match=r"is a pickle, which .* never loaded: convert it"):
        require_weights(ImageWeights(file=str(path), sha256=None))
    assert not (tmp_path / "sprung").exists()


def test_only_vgg16_starts_from_them(tiny: Params):
    changes = {"davenet": {"image_weights": {"file": "weights.safetensors"}}}
    with pytest.raises(WordbrushError, match=r"image_network small: weights of others"):
        parse(merge(tiny.model_dump(), changes), "test")
