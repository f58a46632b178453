"""Weights as safetensors with a JSON configuration beside them; nothing is ever unpickled."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from wordbrush.errors import WordbrushError
from wordbrush.storage.files import require_file, whole_file, write_json


def save_weights(folder: Path, name: str, module: torch.nn.Module, config: dict[str, Any]) -> None:
    """Write `folder/name.safetensors` and `folder/name.json`."""
    tensors = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    with whole_file(folder / f"{name}.safetensors") as scratch:
        save_file(tensors, scratch)
    write_json(folder / f"{name}.json", config)


def load_weights(folder: Path, name: str, module: torch.nn.Module) -> None:
    """Fill `module`; a missing, damaged or ill-fitting file is a WordbrushError that names it."""
    path = require_file(folder / f"{name}.safetensors")
    try:
        module.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise WordbrushError(
            f"{path} does not hold this network's weights ({reason}). Make it again: dvc repro."
        ) from None
