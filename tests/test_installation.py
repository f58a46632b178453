"""`pip install wordbrush` alone is enough for a trained model; extras add what they promise."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from wordbrush.errors import EXTRAS
from wordbrush.model.model import load_model

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SELF = canonicalize_name(PROJECT["name"])

SCORE = """
import json, sys
from pathlib import Path
import numpy as np
import wordbrush
from wordbrush.model.model import load_model
model = load_model(Path(sys.argv[1]))
sound = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
print(json.dumps(model.scores(model.draw(4, seed=1), sound).tolist()))
"""


def required(requirements: Iterable[str], extras: frozenset[str] = frozenset()) -> Iterator[str]:
    """The names and extras (`name[extra]`) that these requirements ask for here."""
    for requirement in map(Requirement, requirements):
        for extra in extras or {""}:
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                yield canonicalize_name(requirement.name)
                for other in requirement.extras:
                    yield f"{canonicalize_name(requirement.name)}[{other}]"


def declared(extra: str) -> list[str]:
    """What pyproject.toml lists for an extra, those that it holds included; "" is the core."""
    if not extra:
        return PROJECT["dependencies"]
    found = []
    for text in PROJECT["optional-dependencies"][extra]:
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) == SELF:
            found += [one for other in requirement.extras for one in declared(other)]
        else:
            found.append(text)
    return found


@cache
def installed(extra: str) -> frozenset[str]:
    """All distributions that an extra adds, with their own requirements."""
    seen: set[str] = set()
    waiting = set(required(declared(extra)))
    while waiting:
        name = waiting.pop()
        seen.add(name)
        base, _, wanted = name.partition("[")
        needs = metadata.requires(base) or []
        waiting |= set(required(needs, frozenset({wanted.rstrip("]")} - {""}))) - seen
    return frozenset(name for name in seen if "[" not in name)


@pytest.fixture(scope="module")
def core_alone(tmp_path_factory) -> Path:
    """A folder of packages as `pip install wordbrush` would leave it, by links to those here."""
    folder = tmp_path_factory.mktemp("site")
    for name in installed(""):
        found = metadata.distribution(name)
        for entry in {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}:
            link = folder / entry
            if not link.exists():
                link.symlink_to(Path(str(found.locate_file(entry))))
    return folder


def in_the_core(core_alone: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code where only the core's packages can be imported (-S: no site-packages)."""
    return subprocess.run(
        [sys.executable, "-S", "-c", code, *arguments],
        env={"PYTHONPATH": f"{ROOT / 'src'}:{core_alone}", "PATH": "/usr/bin:/bin"},
        cwd=core_alone,
        text=True,
        capture_output=True,
    )


def test_the_core_alone_loads_a_model_and_scores(core_alone):
    done = in_the_core(core_alone, SCORE, str(ROOT / "models/small"))
    assert done.returncode == 0, done.stderr
    model = load_model(ROOT / "models/small")
    sound = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    expected = model.scores(model.draw(4, seed=1), sound).cpu().numpy()
    np.testing.assert_allclose(json.loads(done.stdout), expected, rtol=1e-3, atol=1e-4)


def test_the_core_alone_names_the_extra_that_a_command_needs(core_alone):
    code = "import sys; from wordbrush.cli import main; sys.argv = ['wordbrush', 'doctor']; main()"
    done = in_the_core(core_alone, code)
    assert done.returncode == 2
    assert re.fullmatch(
        r"wordbrush: [a-z_.]+ is not installed: pip install 'wordbrush\[pipeline\]'\.\n",
        done.stderr,
    )


BRING = """
import numpy as np
from wordbrush.audio.inputs import load_sound
from wordbrush.data.pictures import load_pictures
from wordbrush.errors import WordbrushError
for load in (
    lambda: load_sound(b"RIFF"),
    lambda: load_sound(np.sin(np.arange(48000)), rate=48000),
    lambda: load_pictures("picture.png"),
):
    try:
        load()
    except WordbrushError as error:
        print(error)
"""


def test_the_core_alone_names_the_extra_that_files_and_other_rates_need(core_alone):
    done = in_the_core(core_alone, BRING)
    assert done.stdout.splitlines() == [
        f"{package} is not installed: pip install 'wordbrush[{extra}]'."
        for package, extra in (("soundfile", "speech"), ("scipy", "speech"), ("PIL", "render"))
    ], done.stderr


def test_the_core_is_small():
    assert not installed("") & {"mitsuba", "scipy", "matplotlib", "pyarrow", "dvc", "kfp"}


def third_party() -> set[str]:
    """The top-level names of all modules that the package imports, without the standard library."""
    found = set()
    for file in (ROOT / "src/wordbrush").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").partition(".")[0])
    return found - set(sys.stdlib_module_names) - {SELF}


@cache
def providing() -> Mapping[str, list[str]]:
    """The distributions that provide each importable name."""
    return metadata.packages_distributions()


@pytest.mark.parametrize("name", sorted(third_party()))
def test_every_import_is_of_the_core_or_of_a_known_extra(name):
    providers = {canonicalize_name(one) for one in providing()[name]}
    if name in EXTRAS:
        assert providers & installed(EXTRAS[name]) and not providers & installed("")
    else:
        assert providers & installed("")


def test_the_table_of_extras_holds_no_package_that_nothing_imports():
    assert set(EXTRAS) <= third_party()
