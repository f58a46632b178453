"""Weights as safetensors, with the network's configuration as JSON beside them.

Nothing is ever unpickled.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from wordbrush.errors import FileFault
from wordbrush.storage.configs import Config, write_config
from wordbrush.storage.files import require_file, whole_file


def save_network(folder: Path, name: str, network: torch.nn.Module, config: Config) -> None:
    """Write `folder/name.safetensors`, and in `folder/name.json` what rebuilds the network."""
    save_weights(folder, name, network)
    write_config(folder / f"{name}.json", config)


def save_weights(folder: Path, name: str, module: torch.nn.Module) -> None:
    """Write `folder/name.safetensors`."""
    tensors = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    with whole_file(folder / f"{name}.safetensors") as scratch:
        save_file(tensors, scratch)


def load_weights(folder: Path, name: str, module: torch.nn.Module) -> None:
    """Fill `module` from `folder/name.safetensors`.

    Raises WordbrushError, which names the file, where it is missing, damaged, or of a module with
    other weights.
    """
    path = require_file(folder / f"{name}.safetensors")
    try:
        module.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise FileFault(f"{path} does not hold this network's weights ({reason}).") from None
