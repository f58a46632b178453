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
from wordbrush.davenet.others import DEVIATION, MEAN, require_weights, shapes, start_from
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


def branch_of(tiny: Params, **changes: object) -> ImageEncoder:
    params = parse(merge(tiny.model_dump(), {"davenet": changes}), "test")
    features = FeatureConfig.taken_from(params.captions)
    return ImageEncoder(EncoderConfig.of(params.davenet, features)).eval()


@pytest.fixture(scope="module")
def branch(tiny) -> ImageEncoder:
    with torch.device("meta"):
        return branch_of(tiny, image_network="vgg16", image_size=32)


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
    branch = branch_of(tiny, image_network="vgg16", image_size=32)
    last = [one.clone() for one in branch.layers[-2].parameters()]
    start_from(branch, written(tmp_path, state))
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        seen, wanted = branch.layers[:-2](images), expected(network, images)
    assert wanted.std() > 1e-3
    assert torch.allclose(seen, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))
    assert all(map(torch.equal, last, branch.layers[-2].parameters()))


RESNET = {"stem": 4, "channels": [8, 12], "blocks": [2, 1]}


def seen_by_resnet(state: dict[str, Tensor], images: Tensor) -> Tensor:
    """What a ResNet with these tensors sees, as torchvision's forward has it, before its pool."""

    def normed(x: Tensor, conv: str, norm: str, stride: int = 1, padding: int = 0) -> Tensor:
        found = F.conv2d(x, state[f"{conv}.weight"], stride=stride, padding=padding)
        parts = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(found, *(state[f"{norm}.{part}"] for part in parts))

    mean, deviation = (torch.tensor(one)[:, None, None] for one in (MEAN, DEVIATION))
    x = (F.pad(images, (3, 3, 3, 3)) / 2 + 0.5 - mean) / deviation
    x = F.max_pool2d(F.relu(normed(x, "conv1", "bn1", 2)), 3, 2, 1)
    for name, stride in (("layer1.0", 1), ("layer1.1", 1), ("layer2.0", 2)):
        found = F.relu(normed(x, f"{name}.conv1", f"{name}.bn1"))
        found = F.relu(normed(found, f"{name}.conv2", f"{name}.bn2", stride, 1))
        found = normed(found, f"{name}.conv3", f"{name}.bn3")
        if f"{name}.downsample.0.weight" in state:
            x = normed(x, f"{name}.downsample.0", f"{name}.downsample.1", stride)
        x = F.relu(found + x)
    return x


def test_a_resnet_sees_what_theirs_sees(tiny, tmp_path):
    branch = branch_of(tiny, image_network="resnet", image_size=32, image_stages=RESNET)
    rng = torch.Generator().manual_seed(4)
    state = {
        name: torch.rand(shape, generator=rng) + 0.5
        if "running_var" in name or len(shape) == 1
        else torch.randn(shape, generator=rng) / shape[1] ** 0.5
        for name, shape in shapes(branch).items()
    }
    assert {"layer1.0.downsample.0.weight", "layer2.0.downsample.0.weight"} <= state.keys()
    assert "layer1.1.downsample.0.weight" not in state
    start_from(branch, written(tmp_path, state))
    images = torch.rand(2, 3, 32, 32, generator=rng) * 2 - 1
    with torch.no_grad():
        seen, wanted = branch.layers[:-2](images), seen_by_resnet(state, images)
    assert seen.shape == (2, 48, 4, 4) and wanted.std() > 1e-3
    assert torch.allclose(seen, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))


def test_tensors_that_do_not_fit_are_named_with_their_shapes(branch, state, tmp_path):
    without = {name: value for name, value in state.items() if name != "features.1.running_mean"}
    with pytest.raises(WordbrushError, match=r"no tensor features.1.running_mean \[64\].*vgg16_bn"):
        require_weights(branch, written(tmp_path, without))
    other = {**state, "features.3.weight": torch.zeros(64, 32, 3, 3)}
    words = r"features.3.weight has the shape \[64, 32, 3, 3\], and \[64, 64, 3, 3\] is needed"
    with pytest.raises(WordbrushError, match=words):
        require_weights(branch, written(tmp_path, other))
    damaged = {**state, "features.0.bias": torch.full((64,), torch.nan)}
    with pytest.raises(WordbrushError, match=r"features.0.bias .* no finite numbers"):
        require_weights(branch, written(tmp_path, damaged))


def test_files_that_are_none_of_theirs_are_refused_in_a_sentence(branch, state, tmp_path):
    good = written(tmp_path, state)
    require_weights(branch, good)
    path = Path(good.file or "")
    with pytest.raises(WordbrushError, match=f"sha256 is null, and .* has {good.sha256}"):
        require_weights(branch, good.model_copy(update={"sha256": None}))
    path.write_bytes(path.read_bytes()[:1000])
    cut = good.model_copy(update={"sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    with pytest.raises(WordbrushError, match="is no whole safetensors file"):
        require_weights(branch, cut)
    with pytest.raises(WordbrushError, match="is no file"):
        require_weights(branch, ImageWeights(file=str(tmp_path / "nowhere"), sha256=None))


@pytest.mark.skipif(not Path("/proc/self/mem").is_file(), reason="all files can be read")
def test_a_file_that_cannot_be_read_is_named(branch):
    with pytest.raises(WordbrushError, match=r"^/proc/self/mem cannot be read \(input"):
        require_weights(branch, ImageWeights(file="/proc/self/mem", sha256=None))


def test_a_header_whose_length_looks_like_a_pickle_is_none(branch, state, tmp_path):
    """The first byte of safetensors is that of the header's length: of one in 32 files 0x80."""
    path = tmp_path / "weights.safetensors"
    save_file(state, path, {"made": "by"})
    missing = (0x80 - path.read_bytes()[0]) % 256
    save_file(state, path, {"made": "by" + missing * " "})
    content = path.read_bytes()
    assert content[0] == 0x80
    sha256 = hashlib.sha256(content).hexdigest()
    require_weights(branch, ImageWeights(file=str(path), sha256=sha256))


def test_small_floats_are_read_and_whole_numbers_refused(branch, state, tmp_path):
    name = "features.0.bias"
    require_weights(branch, written(tmp_path, {**state, name: state[name].to(torch.float8_e4m3fn)}))
    with pytest.raises(WordbrushError, match=f"{name} holds torch.int64 that are no finite"):
        require_weights(branch, written(tmp_path, {**state, name: state[name].long()}))


@pytest.mark.parametrize("kind", ["torch", "old"])
def test_pickles_are_never_loaded(branch, kind, tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    path = tmp_path / "weights.pth"
    if kind == "torch":
        torch.save({"features.0.weight": Trap()}, path)
    else:
        path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(WordbrushError, match=r"is a pickle, which .* never loaded: convert it"):
        require_weights(branch, ImageWeights(file=str(path), sha256=None))
    assert not (tmp_path / "sprung").exists()


def test_a_small_branch_does_not_start_from_them(tiny: Params):
    changes = {"davenet": {"image_weights": {"file": "weights.safetensors"}}}
    with pytest.raises(WordbrushError, match=r"image_network small: weights of others"):
        parse(merge(tiny.model_dump(), changes), "test")
