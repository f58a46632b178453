"""An index of drawings and of folders: built, resumed, searched, refused where it is damaged."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.explorer.servers import ROOT
from tests.recorded.miniature import collection
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.kernels import similarities
from wordbrush.errors import WordbrushError
from wordbrush.model import Model, load_model
from wordbrush.search import anchors, sources
from wordbrush.search.anchors import described, maxima, tally
from wordbrush.search.building import build, key_of
from wordbrush.search.config import MANIFEST
from wordbrush.search.index import Index, open_index
from wordbrush.search.parts import RECORD
from wordbrush.search.quantised import Quantised
from wordbrush.search.sources import Drawings, source_at

SMALL = ROOT / "models/small"
COUNT, SEED = 136, 27


@pytest.fixture(scope="module")
def quick() -> pytest.MonkeyPatch:
    """Small parts, and few descriptions to find anchors in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "PART", 64)
        patch.setattr(anchors, "DESCRIBED", 16)
        yield patch


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(SMALL)


@pytest.fixture(scope="module")
def folder(quick, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("index") / "drawings"
    build(SMALL, Drawings(COUNT, SEED), target)
    return target


@pytest.fixture(scope="module")
def index(folder) -> Index:
    return open_index(folder, SMALL)


@pytest.fixture(scope="module")
def sentences(model) -> list[torch.Tensor]:
    sounds = described(model, 28, 6, ["en-us+m2"])
    return [model.hear_prepared(sound)[0].cpu() for sound in sounds]


@pytest.fixture(scope="module")
def pictures(model) -> np.ndarray:
    return model.draw(COUNT, SEED)


@pytest.fixture(scope="module")
def seen(model, pictures) -> torch.Tensor:
    return model.see(pictures).cpu()


def exact(seen: torch.Tensor, speech: torch.Tensor) -> list[int]:
    """The ten best of all, by features in float32."""
    heard = Encoded(speech[None], torch.tensor([speech.shape[1]]))
    return similarities(Encoded(seen), heard, "MISA")[:, 0].topk(10).indices.tolist()


def test_an_index_finds_the_exact_ten_best_among_its_candidates(index, seen, sentences):
    assert len(index) == COUNT and len(index.parts) == 3
    found = [index.find(speech, 10, 60).numbers for speech in sentences]
    wanted = [exact(seen, speech) for speech in sentences]
    shares = [len({*one} & {*best}) / 10 for one, best in zip(found, wanted, strict=True)]
    assert np.mean(shares) > 0.9, shares
    # pictures that score almost alike may change places: features are rounded to int8
    assert all(best[0] in one[:3] for one, best in zip(found, wanted, strict=True))


def test_drawings_of_an_index_are_those_of_the_model_to_the_byte(model, index, pictures):
    numbers = [0, 5, 63, 64, 135]
    assert np.array_equal(index.pictures(model, numbers), pictures[numbers])


def test_features_of_an_index_are_nearly_those_of_the_model(index, seen):
    seen, kept = seen[[3, 100]], index.features([3, 100])
    assert kept.shape == seen.shape
    assert (kept - seen).abs().max() < seen.abs().max() / 127


def test_candidates_are_scored_as_if_every_frame_were_its_anchor():
    rng = torch.Generator().manual_seed(0)
    typical = torch.nn.functional.normalize(torch.randn(5, 8, generator=rng), dim=1)
    pictures = torch.randn(20, 8, 3, 3, generator=rng)
    said = typical[[4, 0, 0, 2]].T
    score = maxima(pictures, typical) @ tally(said, typical) / 4
    heard = Encoded(said[None], torch.tensor([4]))
    assert torch.allclose(score, similarities(Encoded(pictures), heard, "MISA")[:, 0], atol=1e-5)


def test_cells_that_are_nothing_stay_nothing():
    assert not Quantised.of(torch.zeros(2, 4, 3, 3)).features(3).any()


def files_of(pictures: np.ndarray, folder: Path) -> Path:
    folder.mkdir()
    for number, drawing in enumerate(pictures):
        Image.fromarray(drawing).save(folder / f"{number:03}.png")
    return folder


@pytest.fixture
def one_core(quick):
    """Parts are made one after the other."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)


def test_a_build_that_ended_resumes_and_makes_only_what_changed(
    one_core, model, pictures, tmp_path
):
    shown, target = files_of(pictures[:70], tmp_path / "shown"), tmp_path / "index"
    good = (shown / "066.png").read_bytes()
    (shown / "066.png").write_bytes(good[:100])
    with pytest.raises(WordbrushError, match=r"066\.png cannot be shown"):
        build(SMALL, source_at(shown, None), target)
    assert not target.exists()
    source = source_at(shown, None)
    work = tmp_path / ".index.index" / key_of(SMALL, source)
    kept = work / source.items()[0].key / RECORD
    made = kept.stat().st_mtime_ns
    (shown / "066.png").write_bytes(good)
    build(SMALL, source_at(shown, None), target)
    assert (target / kept.parent.name / RECORD).stat().st_mtime_ns == made
    index = open_index(target, SMALL)
    assert len(index) == 70 and index.about.kind == "folder"
    assert np.array_equal(index.pictures(model, [1, 66]), pictures[[1, 66]])
    assert not (tmp_path / ".index.index").exists()


def test_a_collection_is_indexed_by_its_own_speech(quick, model, tmp_path):
    made = collection(tmp_path, pictures={"train": 8, "validation": 2, "test": 3}, captions=1)
    build(SMALL, source_at(made, 11), tmp_path / "index")
    index = open_index(tmp_path / "index", SMALL)
    assert len(index) == 11 and index.about.anchors_of == "the collection's speech"


def test_a_damaged_index_is_named(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    path = next(copy.glob("*/cells.npy"))
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)
    with pytest.raises(WordbrushError, match=r"cells\.npy is damaged.*wordbrush index"):
        open_index(copy, SMALL)
    path.unlink()
    with pytest.raises(WordbrushError, match=r"cells\.npy is missing"):
        open_index(copy, SMALL)
    (copy / MANIFEST).unlink()
    with pytest.raises(WordbrushError, match=r"holds no index\.json"):
        open_index(copy, SMALL)


def test_an_index_of_another_model_is_refused(folder, tmp_path):
    other = shutil.copytree(SMALL, tmp_path / "other")
    (other / "model.json").write_text((other / "model.json").read_text() + "\n")
    with pytest.raises(WordbrushError, match=r"index of another model than .*other"):
        open_index(folder, other)


def test_what_cannot_be_indexed_is_refused_in_a_sentence(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(WordbrushError, match="empty holds no pictures"):
        source_at(tmp_path / "empty", None)
    with pytest.raises(WordbrushError, match="is no folder"):
        source_at(tmp_path / "missing", None)
    with pytest.raises(WordbrushError, match="is there already"):
        build(SMALL, Drawings(64, SEED), folder)
    other = shutil.copytree(SMALL, tmp_path / "other")
    described = other / "encoders/encoders.json"
    described.write_text(described.read_text().replace("MISA", "SISA"))
    with pytest.raises(WordbrushError, match="compares by SISA"):
        build(other, Drawings(64, SEED), tmp_path / "target")


FULL = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from wordbrush.search.building import Desk, make_part
from wordbrush.search.sources import DrawnItem
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
make_part(Desk(Path(sys.argv[1]), Path(sys.argv[2])), DrawnItem(27, 0, 64))
"""


def test_a_disk_that_takes_no_more_is_one_sentence_and_leaves_no_part(folder, tmp_path):
    shutil.copy(folder / "anchors.npy", tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", FULL, SMALL, tmp_path], capture_output=True, text=True, check=False
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("wordbrush.errors.WordbrushError") and "cannot be written" in last
    assert [path.name for path in tmp_path.iterdir()] == ["anchors.npy"]


FEW_FILES = """
import resource, sys
from pathlib import Path
from wordbrush.search import index
hard = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_NOFILE, (min(64, hard), hard))
index.OWN_FILES = 100
print(len(index.open_index(Path(sys.argv[1]), Path(sys.argv[2]))))
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def test_an_index_asks_for_the_files_that_it_keeps_open(folder):
    """Systems allow a process few open files, and more if it asks, up to a limit."""

    def opened(hard: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", FEW_FILES, folder, SMALL, str(hard)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert opened(500).stdout.split() == [str(COUNT), "112"]  # three parts of four arrays
    last = opened(110).stderr.strip().splitlines()[-1]
    assert "keeps 112 files open, and this system allows 110" in last and "ulimit" in last
