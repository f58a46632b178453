"""What a reviewer looks for in docker/Dockerfile; tests/image/test_image.py builds and runs it."""

import os
import re
import subprocess
from pathlib import Path

from components import IMAGE

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker/Dockerfile").read_text()


def instructions() -> list[tuple[str, str]]:
    """The name and text of each instruction, without comments and line ends."""
    code = "\n".join(
        line for line in TEXT.splitlines() if not line.lstrip().startswith("#")
    ).replace("\\\n", " ")
    return [
        (line.split()[0], " ".join(line.split()[1:])) for line in code.splitlines() if line.strip()
    ]


def final() -> list[tuple[str, str]]:
    """The instructions of the last build stage, and of the one that it starts from."""
    stages: dict[str, tuple[str, list]] = {}
    for name, text in instructions():
        if name == "FROM":
            base, _, stage = text.split()
            stages[stage] = (base, own := [])
        elif stages:
            own.append((name, text))
    *_, (base, last) = stages.values()
    return [*stages[base][1], *last]


def texts(name: str) -> list[str]:
    return [text for one, text in final() if one == name]


def test_the_base_is_one_pinned_argument():
    first, text = instructions()[0]
    assert first == "ARG" and re.fullmatch(
        r"BASE=[\w./-]+(:[\w.-]*\d{8}[\w.-]*|@sha256:[0-9a-f]{64})", text
    )
    stages = {text.split()[2] for name, text in instructions() if name == "FROM"}
    bases = {text.split()[0] for name, text in instructions() if name == "FROM"}
    assert bases - stages == {"${BASE}"} and "latest" not in TEXT


def test_the_user_is_a_fixed_one_and_not_root():
    from wordbrush.kubeflow.compiler.pools import USER

    assert texts("USER") == [f"{USER}:{USER}"] and f"--uid {USER} " in " ".join(texts("RUN"))


def test_the_final_layers_have_no_pip_compiler_or_package_lists():
    for text in texts("RUN"):
        assert not re.search(r"\b(pip|gcc|build-essential|python3-venv|curl|wget)\b", text)
        assert "apt-get install" not in text or (
            "--no-install-recommends" in text and "rm -rf /var/lib/apt/lists/*" in text
        )
    assert all(text.startswith("--from=") for text in texts("COPY"))


def test_packages_come_from_the_lock_with_hashes():
    installs = [text for name, text in instructions() if name == "RUN" and "pip --python" in text]
    assert len(installs) == 2
    assert "--require-hashes --no-deps" in installs[0] and "--no-build-isolation -r" in installs[0]
    assert "--no-index --no-deps --no-build-isolation" in installs[1]
    assert "ADD" not in {name for name, _ in instructions()}


def test_nothing_of_the_building_machine_is_written_down():
    """Hosts, mirrors, proxies and certificates are passed as secrets."""
    assert not re.search(r"https?://|proxy|trusted-host|index-url", TEXT, re.IGNORECASE)
    assert set(re.findall(r"type=secret,id=(\w+)", TEXT)) == {"apt_conf", "pip_conf", "ca_bundle"}


def test_labels_and_health():
    (labels,), (health,) = texts("LABEL"), texts("HEALTHCHECK")
    for label in (
        "title",
        "description",
        "version",
        "revision",
        "created",
        "licenses",
        "base.name",
    ):
        assert f"org.opencontainers.image.{label}=" in labels
    assert health.endswith('CMD ["wordbrush", "doctor", "--image"]')


def test_all_that_is_copied_is_let_in():
    """Dockerfile.dockerignore lets in what is copied, and nothing else."""
    copied = {
        source
        for name, text in instructions()
        if name == "COPY" and "--from" not in text
        for source in text.split()[:-1]
    }
    allowed = {
        line.removeprefix("!")
        for line in (ROOT / "docker/Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert copied == allowed and all((ROOT / source).exists() for source in copied)


def test_make_builds_the_image_that_the_pipeline_names():
    def command(*variables: str) -> str:
        done = subprocess.run(
            ["make", "--dry-run", "image", *variables],
            cwd=ROOT,
            text=True,
            capture_output=True,
            check=True,
            env={"PATH": os.environ["PATH"]},
        )
        return done.stdout

    assert f"--tag {IMAGE} " in command() and f"--tag {IMAGE}-cpu " in command("VARIANT=cpu")
    assert "--secret" not in command() and "--build-arg BASE" not in command()
    full = command("BASE=base:1", "PIP_CONF=/pip.conf", "NETWORK=host", "IMAGE=own:2")
    assert "--build-arg BASE=base:1 " in full and "--secret id=pip_conf,src=/pip.conf" in full
    assert "--network host" in full and "--tag own:2 " in full
