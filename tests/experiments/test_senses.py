"""Equal trainings with each loss, and two tables beside what others report."""

from pathlib import Path

from experiments.kept import Measured
from experiments.senses import LOSSES, app, with_loss, written
from typer.testing import CliRunner

from tests.stages.test_train_senses import CHANGES, KEPT, beside, changed
from tests.stages.test_train_senses import drawn as drawn  # the fixture
from wordbrush import presets
from wordbrush.errors import WordbrushError
from wordbrush.senses.published import CELLS, WAYS
from wordbrush.storage.files import read_json
from wordbrush.storage.yaml import merge


def write_params(folder: Path, **senses: object) -> None:
    """Those of the stage's own test."""
    path = folder / "params.yaml"
    path.write_bytes((KEPT / "params.yaml").read_bytes())
    presets.change(path, merge(CHANGES, {"senses": senses}))


def estimate(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 1, "high": value + 1}


def aligned(value: float, ways: tuple[str, ...] = WAYS) -> dict:
    cells = {name: {"mean": estimate(value)} for name in CELLS}
    return {"ranks": {way: estimate(value) for way in ways}, "zero_shot": cells}


def test_tables_have_a_row_for_each_method_and_intervals_over_trials():
    found = {"CCA": [aligned(40.0, WAYS[:2])], "both": [aligned(10.0), aligned(20.0)]}
    lines = written(found, 100).replace("\n\n", "\n").splitlines()
    title, head, _, chance, cca, both, *others = lines
    assert title.startswith("Median rank of 100") and "text to sound" in head
    assert chance.startswith("| chance | 50.5 |")
    assert cca == f"| CCA | {' | '.join(['40.0 [39.0, 41.0]'] * 2 + ['–'] * 4)} |"
    assert both.startswith("| both | 15.0 ± 63.5 |")
    assert "| Aytar et al., both | 47.5 | 49.5 | 5.8 | 6 | 135 | 140.5 |" in others
    # learned in pictures, sounds and text; the slides' first figure cannot be read
    carried = "– | 5.8 | 33.8 | 12.8 | 9 | 15.2 | 22.6 | 6.2 | 40.3"
    assert f"| Aytar et al., both | {carried} |" in others


def test_losses_differ_in_nothing_else():
    plain = changed(loss="none")
    one, other = (with_loss(plain, loss, 1).model_dump() for loss in ("transfer", "both"))
    assert {name for name in one if one[name] != other[name]} == {"senses"} and one["trial"] == 1


def test_a_folder_without_pairs_is_one_sentence(tmp_path, monkeypatch):
    write_params(tmp_path)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [])
    assert isinstance(done.exception, WordbrushError) and "dvc repro" in str(done.exception)


def test_bad_parameters_are_refused_before_anything_is_read(tmp_path, monkeypatch):
    """As committed no loss is set, so that the file itself is in order."""
    write_params(tmp_path)
    presets.change(tmp_path / "params.yaml", {"samples": {"train": 3}})
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["--output", "senses.json"])
    assert isinstance(done.exception, WordbrushError)
    assert "samples.train 3" in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_all_losses_are_trained_and_measured(drawn, tmp_path, monkeypatch):
    beside(drawn, tmp_path)
    write_params(tmp_path, sound="impacts")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["--trials", "2", "--share", "0.5", "--output", "senses.json"])
    assert done.exception is None, done.output
    assert "2/2 step (100 %)" in done.stderr  # of 4
    found = read_json(tmp_path / "senses.json", Measured)["results"]
    assert len(found.pop("baselines")) == 3
    assert set(found) == {f"{loss}, trial {trial}" for loss in LOSSES for trial in (0, 1)}
    assert "| both |" in done.output and "Colours" in done.output
