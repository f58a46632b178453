"""Models of every released version load, and draw, read and score as they did when they were saved.

`released/VERSION` keeps their configurations as that version wrote them, and in reference.json
numbers that its own code computed. Weights that models/small and results/small no longer have lie
beside them. The others are those of these folders: a change that replaces them moves the old ones
here.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.workspace import environment
from wordbrush.davenet.encoders import load_encoders
from wordbrush.gan.sampling import draw, load_generator
from wordbrush.model import Model, load_model
from wordbrush.segmenter.network import load_segmenter
from wordbrush.segmenter.parsing import parse

ROOT = Path(__file__).resolve().parents[2]
SMALL, DRAWING = ROOT / "models/small", ROOT / "results/small/drawing/data"
RELEASED = sorted(path for path in (Path(__file__).parent / "released").iterdir())
CPU = torch.device("cpu")
# what a model runs without; psutil is left out, for it only tells how much memory is free
NOT_NEEDED = [
    "dvc",
    "jinja2",
    "kfp",
    "matplotlib",
    "mitsuba",
    "pandas",
    "prometheus_client",
    "pyarrow",
    "requests",
    "rich",
    "ruamel",
    "scipy",
    "soundfile",
    "tqdm",
    "typer",
]


def chirp() -> np.ndarray:
    """A second of sound that rises from 200 to 2,000 Hz."""
    time = np.arange(16000) / 16000
    wave = 0.5 * np.sin(2 * np.pi * (200 + 900 * time) * time) * np.hanning(16000)
    return wave.astype(np.float32)


def attributes(parsed: list[list[dict]]) -> list[list[list[str]]]:
    names = ("shape", "material", "color", "size")
    return [[[thing[name] for name in names] for thing in objects] for objects in parsed]


def close(values: torch.Tensor | np.ndarray, wanted: list, tolerance: float) -> bool:
    return np.allclose(np.asarray(values), wanted, atol=tolerance, rtol=1e-3)


def check_small(model: Model, wanted: dict) -> None:
    """Colours to a hundredth of a level, scores to a thousandth."""
    pictures = model.draw(4, seed=1)
    assert close(pictures.mean((1, 2)), wanted["pictures"], 0.01)
    assert close(model.scores(pictures, chirp()).cpu(), wanted["scores"], 0.2)
    heard = model.matchmap(pictures[0], chirp()).amax((0, 1))
    assert close(heard.cpu(), wanted["matchmap"], 0.2)
    seen = model.see(pictures[:1]).mean((2, 3))
    assert close(model.concepts(seen)[0, :8].cpu(), wanted["concepts"], 0.01)
    assert attributes(model.read(pictures)) == wanted["objects"]


@pytest.fixture(params=RELEASED, ids=lambda path: path.name)
def released(request) -> tuple[Path, dict]:
    """The configurations of a version, and the numbers that it computed."""
    return request.param, json.loads((request.param / "reference.json").read_text())


def test_a_whole_model(released, tmp_path):
    configs, reference = released
    shutil.copytree(SMALL, tmp_path / "model")
    shutil.copytree(configs / "small", tmp_path / "model", dirs_exist_ok=True)
    check_small(load_model(tmp_path / "model"), reference["small"])


def test_a_generator_and_a_segmenter_of_a_run(released, tmp_path):
    configs, reference = released
    for name in ("generator", "segmenter"):
        (tmp_path / name).mkdir()
        shutil.copy(DRAWING / f"{name}/{name}.safetensors", tmp_path / name)
        shutil.copy(configs / f"drawing/{name}.json", tmp_path / name)
    generator = load_generator(tmp_path / "generator", CPU)
    rng = torch.Generator().manual_seed(2)
    pictures = draw(generator, torch.randn(4, generator.latent_dim, generator=rng), 4)
    assert close(pictures.mean((1, 2)), reference["drawing"]["pictures"], 0.01)
    parsed = parse(load_segmenter(tmp_path / "segmenter", CPU), pictures)
    assert attributes(parsed) == reference["drawing"]["objects"]


def test_a_champion(released, tmp_path):
    """Of which the registry keeps encoders.json and encoders.safetensors in one folder."""
    configs, reference = released
    shutil.copy(configs / "champion/encoders.json", tmp_path)
    shutil.copy(configs / "small/encoders/encoders.safetensors", tmp_path)
    encoders = load_encoders(tmp_path, CPU)
    ramp = torch.linspace(0, 1, 40 * 50).view(1, 40, 50)
    with torch.no_grad():
        speech = encoders.encode_audio(ramp, torch.tensor([50])).features
    assert close(speech[0].mean(1)[:8], reference["champion"]["speech"], 1e-3)
    assert encoders.config.similarity == "MISA"


def test_the_kept_model_is_in_the_newest_format():
    model = load_model(SMALL)
    assert model.encoders.config.features == model.config.features
    for path in SMALL.rglob("*.json"):
        if path.name != "clusters.json":
            assert "format" in json.loads(path.read_text()), path


def python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=ROOT)


def test_a_model_runs_without_parameters_and_with_little_installed():
    """So no new parameter can make it unreadable, and `pip install .` is enough to run it."""
    done = python(f"""
import sys
from importlib.abc import MetaPathFinder

class Blocked(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {NOT_NEEDED} or name == "wordbrush.params":
            raise ModuleNotFoundError(f"{{name}} is not needed here", name=name)

sys.meta_path.insert(0, Blocked())
from pathlib import Path
import numpy as np
from wordbrush.model import load_model
model = load_model(Path("models/small"))
pictures = model.draw(2, seed=1)
sound = np.sin(np.arange(4000) / 5)
print(len(model.read(pictures)), tuple(model.scores(pictures, sound).shape))
""")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2", "(2,)"]
