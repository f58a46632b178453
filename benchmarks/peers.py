"""Published code to compare with, loaded from checkouts by path.

This repository contains none of it. docs/performance.md lists what is changed in memory so that it
runs on today's PyTorch and with our dependencies.
"""

import ast
import importlib
import importlib.util
import os
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from wordbrush.davenet.encoders import VGG16
from wordbrush.errors import WordbrushError
from wordbrush.versioning.git import head

TELLTALES = {
    "davenet": "steps/util.py",
    "gan_zoo": "models/progressive_gan.py",
    "gandissect": "netdissect/runningstats.py",
    "denseav": "denseav/aggregators.py",
}
NAMES = {
    "davenet": "DAVEnet-pytorch",
    "gan_zoo": "pytorch_GAN_zoo",
    "gandissect": "gandissect",
    "denseav": "DenseAV",
}


@dataclass(frozen=True)
class Peers:
    """The paths of the checkouts; None: not given.

    Raises WordbrushError where a path is not a checkout of that repository.
    """

    davenet: Path | None = None  # dharwath/DAVEnet-pytorch
    gan_zoo: Path | None = None  # facebookresearch/pytorch_GAN_zoo
    gandissect: Path | None = None  # CSAILVision/gandissect
    denseav: Path | None = None  # mhamilton723/DenseAV

    def __post_init__(self) -> None:
        for name, path in self.given().items():
            if not (path / TELLTALES[name]).is_file():
                raise WordbrushError(
                    f"{option(name)} {path} is no checkout of {NAMES[name]}: "
                    f"{TELLTALES[name]} is missing."
                )

    def given(self) -> dict[str, Path]:
        return {name: path for name, path in vars(self).items() if path is not None}

    def load(self, name: str) -> types.SimpleNamespace | None:
        """What the benchmarks use of a peer; None where its path is not given."""
        path = self.given().get(name)
        return LOADERS[name](path) if path else None

    def title(self, name: str, what: str) -> str:
        """What a baseline is called in the table."""
        return f"{NAMES[name]}, {what}" if name in self.given() else f"not given ({option(name)})"

    def commits(self) -> dict[str, str]:
        """The commit of each checkout that is given."""
        return {NAMES[name]: (head(path) or ("",))[0] for name, path in self.given().items()}


def option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


@contextmanager
def importing_from(
    folder: Path, stand_ins: Mapping[str, types.ModuleType] = MappingProxyType({})
) -> Iterator[None]:
    """Within, modules of `folder` can be imported, with `stand_ins` instead of what they import.

    Afterwards sys.modules is as before, since two peers have a module `models`.
    """
    before = dict(sys.modules)
    sys.modules.update(stand_ins)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name, module in list(sys.modules.items()):
            if name in stand_ins or str(getattr(module, "__file__", "")).startswith(
                f"{folder}{os.sep}"
            ):
                del sys.modules[name]
        sys.modules.update({name: before[name] for name in stand_ins if name in before})


def some_functions(
    path: Path, names: Iterable[str], known: dict[str, Any]
) -> types.SimpleNamespace:
    """Functions of a module whose imports are not installed here.

    known: the names that these functions use of the imports.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    tree.body = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in set(names)
    ]
    scope = dict(known)
    exec(compile(tree, str(path), "exec"), scope)
    return types.SimpleNamespace(**{name: scope[name] for name in names})


def davenet(folder: Path) -> types.SimpleNamespace:
    """DAVEnet-pytorch: `Davenet`, `VGG16`, `sampled_margin_rank_loss` as `loss`, and
    `compute_matchmap_similarity_matrix` as `matrix`."""
    with importing_from(
        folder,
        {
            "torchvision": types.ModuleType("torchvision"),
            "torchvision.models": torchvision_models(),
        },
    ):
        models, util = importlib.import_module("models"), importlib.import_module("steps.util")
    return types.SimpleNamespace(
        Davenet=models.Davenet,
        VGG16=models.VGG16,
        loss=util.sampled_margin_rank_loss,
        matrix=util.compute_matchmap_similarity_matrix,
    )


def torchvision_models() -> types.ModuleType:
    """What DAVEnet-pytorch uses of torchvision, which is not installed here.

    This is the layers of VGG16, and a base class for its ResNets.
    """

    def vgg16(pretrained: bool) -> nn.Module:
        layers: list[nn.Module] = []
        inputs = 3
        for block in VGG16:
            for width in block:
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(inplace=True)]
                inputs = width
            layers.append(nn.MaxPool2d(2))
        network = nn.Module()
        network.features = nn.Sequential(*layers)
        return network

    module = types.ModuleType("torchvision.models")
    module.ResNet, module.vgg16 = nn.Module, vgg16
    return module


def gan_zoo(folder: Path) -> types.SimpleNamespace:
    """`ProgressiveGAN` of pytorch_GAN_zoo, with Adam's betas as floats: torch refuses [0, 0.99]."""
    with importing_from(folder):
        published = importlib.import_module("models.progressive_gan").ProgressiveGAN

    class ProgressiveGan(published):
        def adam(self, network: nn.Module) -> torch.optim.Optimizer:
            return torch.optim.Adam(
                network.parameters(), betas=(0.0, 0.99), lr=self.config.learningRate
            )

        def getOptimizerD(self) -> torch.optim.Optimizer:
            return self.adam(self.netD)

        def getOptimizerG(self) -> torch.optim.Optimizer:
            return self.adam(self.netG)

    return types.SimpleNamespace(ProgressiveGan=ProgressiveGan)


def gandissect(folder: Path) -> types.SimpleNamespace:
    """gandissect's `RunningQuantile` and `collect_bincounts`, without its package's imports."""
    old_torch = types.ModuleType("torch")  # before 1.3, grid_sample aligned corners
    old_torch.__dict__.update(vars(torch))
    old_torch.nn = types.SimpleNamespace(
        functional=types.SimpleNamespace(grid_sample=partial(F.grid_sample, align_corners=True))
    )
    statistics = file_module(folder / "netdissect/runningstats.py")

    counts = some_functions(
        folder / "netdissect/dissection.py",
        (
            "collect_bincounts",
            "upsample_grid",
            "score_tally_stats",
            "mutual_information",
            "joint_entropy",
            "safe_dir_name",
        ),
        {
            "torch": old_torch,
            "numpy": np,
            "os": os,
            "default_progress": lambda: lambda loader, desc: loader,
        },
    )
    return types.SimpleNamespace(
        RunningQuantile=statistics.RunningQuantile, collect_bincounts=counts.collect_bincounts
    )


def denseav(folder: Path) -> types.SimpleNamespace:
    """DenseAV's MISA aggregator, and its `sampled_margin_rank_loss` as `loss`.

    The imports of its training module are not needed.
    """
    with importing_from(folder):
        aggregators = importlib.import_module("denseav.aggregators")
    sampled = some_functions(
        folder / "denseav/train.py",
        (
            "_imposter_indices_helper",
            "imposter_indices",
            "get_sim_per_row",
            "sampled_margin_rank_loss",
        ),
        {"torch": torch, "F": F},
    )
    misa = aggregators.get_aggregator(
        "misa",
        nonneg_sim=False,
        mask_silence=True,
        num_heads=1,
        head_agg="sum",
        use_cls=False,
        dim=0,
    )
    return types.SimpleNamespace(loss=sampled.sampled_margin_rank_loss, misa=misa)


def file_module(path: Path) -> types.ModuleType:
    """A module loaded from its file, without its package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LOADERS = {"davenet": davenet, "gan_zoo": gan_zoo, "gandissect": gandissect, "denseav": denseav}
