"""The gate: a new model replaces the champion only if it is better by the margin.

The best method of a run is chosen on validation. It and the champion are then compared on the run's
held-out tests.
"""

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from wordbrush.errors import WordbrushError
from wordbrush.evaluation.methods import method_named
from wordbrush.evaluation.results import Result, Results, best_method
from wordbrush.params import Params, load
from wordbrush.registry.store import Registry, open_registry
from wordbrush.storage.files import read_json, write_json
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.telemetry.outcome import Outcome, reported
from wordbrush.versioning.environment import RemoteConfig, source_from_environment
from wordbrush.versioning.locks import read_lock
from wordbrush.versioning.workspace import fetched

TESTS = (
    "data/samples",
    "data/features",
    "data/speech",
    "data/annotations",
    "data/test_speech",
    "data/real_pairs",
)
Verdict = Literal["promoted", "rejected", "unchanged"]


@dataclass(frozen=True)
class Decision:
    """What the gate did and why.

    version: of the new model. before: the champion's until then, if there was one. margin: by how
    much a new model must be better.
    Scores are percent: `score` is the mean of recall@10 and, where it was made, the semantic test.
    """

    verdict: Verdict
    reason: str
    version: str
    method: str
    new: dict[str, float]
    champion: dict[str, float] | None
    before: str | None
    margin: float

    @property
    def promoted(self) -> bool:
        return self.verdict == "promoted"


def decide(
    params: str,
    lock: str | Path,
    address: str | None = None,
    source: Path | None = None,
    storage: RemoteConfig | None = None,
) -> Decision:
    """Compare the best method of a run with the champion, and keep the better.

    params, lock: the run's params.yaml, as text, and its dvc.lock. address: of the registry
    (WORDBRUSH_REGISTRY). Raises WordbrushError: no registry, lost artifacts, a champion that
    changed meanwhile. The champion is then what it was.
    """
    with reported("promote") as outcome:
        registry = open_registry(address)
        decision = compare(
            registry,
            params,
            Path(lock),
            source or source_from_environment(),
            storage or RemoteConfig.from_environment(),
        )
        tell(outcome, decision, rejections(registry, decision))
    return decision


def rejections(registry: Registry, decision: Decision) -> int:
    """How many models in a row were rejected, this one included.

    A run whose inputs did not change is not counted.
    """
    try:
        before = registry.rejections()
        in_a_row = {"promoted": 0, "rejected": before + 1, "unchanged": before}[decision.verdict]
        registry.note_rejections(in_a_row)
    except WordbrushError as error:  # an alert depends on it, no decision
        print(f"rejections are not counted: {error}", file=sys.stderr)
        return int(decision.verdict == "rejected")
    return in_a_row


def tell(outcome: Outcome, decision: Decision, in_a_row: int) -> None:
    """Put the decision into what is pushed."""
    outcome.choose(
        "wordbrush_gate_verdict",
        "What the gate decided last",
        "verdict",
        decision.verdict,
        get_args(Verdict),
    )
    outcome.set(
        "wordbrush_gate_rejections",
        "Models in a row that did not replace the champion",
        in_a_row,
    )
    scored = {"new": decision.new, "champion": decision.champion}
    outcome.compare(
        "wordbrush_gate_score_ratio",
        "Scores on the new held-out tests",
        "model",
        {model: one["score"] / 100 for model, one in scored.items() if one},
    )


def compare(
    registry: Registry, params: str, lock: Path, source: Path, storage: RemoteConfig
) -> Decision:
    """The run's best model replaces the champion where it is better by the margin."""
    entries = read_lock(lock)["stages"]
    with fetched(source, params, lock, storage, ["metrics/evaluation.json"]) as layout:
        results = read_json(layout.metrics("evaluation"), Results)
        margin = load(layout.root / PARAMS).promotion.margin
    method = best_method(results)
    encoders = Layout().encoders(method_named(method).stage, method_named(method).mining).as_posix()
    outs = {out["path"]: out["md5"] for entry in entries.values() for out in entry.get("outs", ())}
    version = outs[encoders].removesuffix(".dir")
    before = registry.champion()
    if version == before:
        return Decision(
            "unchanged",
            "The inputs did not change: this run's best model is the champion.",
            version,
            method,
            summary(results[method]),
            summary(results[method]),
            before,
            margin,
        )
    with (
        fetched(source, params, lock, storage, [encoders, *filter(outs.get, TESTS)]) as layout,
        tempfile.TemporaryDirectory() as folder,
    ):
        loaded = load(layout.root / PARAMS)
        new, old = scores(layout.root / encoders, loaded, layout), None
        if before:
            registry.fetch(before, Path(folder))
            old = scores_if_it_fits(Path(folder), loaded, layout)
        better, reason = verdict(new, old, before, margin)
        if better:
            with tempfile.TemporaryDirectory() as files:
                pack(
                    Path(files),
                    layout.root / encoders,
                    version,
                    method,
                    results[method],
                    reason,
                    lock,
                )
                registry.promote(version, Path(files), before)
    return Decision(
        "promoted" if better else "rejected", reason, version, method, new, old, before, margin
    )


def summary(result: Result) -> dict[str, float]:
    """Percent: recall@10, the mean of the semantic test where it was made, and their mean."""
    parts = {"recall_10": result["recall"]["10"]}
    if "semantic" in result:
        parts["semantic"] = result["semantic"]["mean"]
    return {**parts, "score": round(sum(parts.values()) / len(parts), 2)}


def scores(folder: Path, params: Params, layout: Layout) -> dict[str, float]:
    """A model on the held-out tests of this run."""
    # torch and what needs it load only here: every task of the pipeline imports this module
    from wordbrush.evaluation import retrieval, semantic
    from wordbrush.evaluation.material import read_material
    from wordbrush.evaluation.protocol import read_subject, run_tests

    material = read_material(params, layout)
    subject = read_subject(material, folder)
    return summary(run_tests(material, subject, (retrieval.TEST, semantic.TEST)))


def scores_if_it_fits(folder: Path, params: Params, layout: Layout) -> dict[str, float] | None:
    """None where the champion hears other features than this run's tests have.

    They cannot be made anew: of the spoken words of the semantic test, a run keeps features alone.
    """
    from wordbrush.data.speech import FeatureStore
    from wordbrush.davenet.config import EncoderConfig
    from wordbrush.storage.configs import read_config

    config = read_config(folder / "encoders.json", EncoderConfig)
    fits = config.hears(FeatureStore(layout.features).config)
    return scores(folder, params, layout) if fits else None


def verdict(
    new: dict[str, float], old: dict[str, float] | None, before: str | None, margin: float
) -> tuple[bool, str]:
    """Whether the new model takes the place, and why, in one sentence."""
    if before is None:
        return True, "There was no champion yet."
    if old is None:
        return False, (
            f"The champion {before[:12]} hears other features than this run's tests: the two "
            "cannot be compared. Promote by hand."
        )
    gain = new["score"] - old["score"]
    return gain >= margin, (
        f"On this run's held-out tests the new model scores {new['score']:.1f}, the champion "
        f"{before[:12]} {old['score']:.1f}: {gain:+.1f}, where {margin:+.1f} or more is asked for."
    )


def pack(
    folder: Path, encoders: Path, version: str, method: str, result: Result, reason: str, lock: Path
) -> None:
    """Write the files of a version: weights, configuration, numbers, its lock, and a card."""
    for path in encoders.iterdir():
        shutil.copyfile(path, folder / path.name)
    shutil.copyfile(lock, folder / "dvc.lock")
    write_json(folder / "metrics.json", {method: result})
    (folder / "card.md").write_text(card(version, method, result, reason), encoding="utf-8")


def card(version: str, method: str, result: Result, reason: str) -> str:
    """card.md of a version."""
    numbers = [f"Recall@10 {result['recall']['10']:.1f} %"]
    if "semantic" in result:
        numbers.append(f"semantic test {result['semantic']['mean']:.1f} %")
    if "real_images" in result:
        numbers.append(f"real images {result['real_images']:.1f} %")
    return (
        f"# Wordbrush {version[:12]}\n\nSpeech and picture encoders, trained as `{method}` "
        f"({method_named(method).title}).\n\n{', '.join(numbers)}.\n\nPromoted because: {reason}"
        "\n\n`dvc.lock` names every input; `metrics.json` has all numbers.\n"
    )
