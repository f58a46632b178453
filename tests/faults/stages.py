"""The outputs of each stage, and reading them completely."""

from pathlib import Path

from tests.conftest import ROOT
from wordbrush.stages.table import STAGES
from wordbrush.storage.yaml import read_yaml

MINING = "hard"  # of the runs that tests damage
OUTPUTS = {
    stage.identifier: [
        path.replace("${item.mining}", MINING)
        for path in read_yaml(ROOT / "dvc.yaml")["stages"][stage.name]["outs"]
    ]
    for stage in STAGES
    if "drawn" in stage.graphs
}
WITH_MINING = {stage.identifier for stage in STAGES if stage.per_mining}


def files(folder: Path) -> dict[str, bytes]:
    """The contents of a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
