"""evaluate: every encoder on the tests that the data has -> metrics, plots, and data/evaluation,
which the report draws."""

import torch

from wordbrush.davenet.encoders import load_encoders
from wordbrush.evaluation import composition
from wordbrush.evaluation.composed import in_short
from wordbrush.evaluation.engines import EngineTests, summaries
from wordbrush.evaluation.examples import write_examples
from wordbrush.evaluation.languages import LanguageTests
from wordbrush.evaluation.material import read_material
from wordbrush.evaluation.methods import find_methods
from wordbrush.evaluation.plots import write_plots
from wordbrush.evaluation.protocol import left_out, read_subject, run_tests
from wordbrush.evaluation.results import CompositionTables, EngineTables, Results, best_method
from wordbrush.evaluation.retrieval import validate
from wordbrush.evaluation.units import UnitTests
from wordbrush.evaluation.words import WordTests
from wordbrush.params import MININGS, Params
from wordbrush.storage.files import whole_directory, write_json
from wordbrush.storage.layout import Layout
from wordbrush.telemetry.progress import Progress
from wordbrush.training.compute import device


def run(params: Params, layout: Layout) -> None:
    """Measure every method whose encoders are there."""
    material = read_material(params, layout)
    methods = find_methods(layout, MININGS, edits=params.graph != "recorded")
    shown = list(methods)[-1]
    for name, needs in {**left_out(material), **composition.left_out(material.cases)}.items():
        print(f"left out: {name}, which needs {needs}.")
    word_tests, engine_tests = WordTests(material, shown), EngineTests(material)
    units = UnitTests(material) if params.davenet.quantisers else None
    languages = LanguageTests(material)
    results: Results = {}
    engines: EngineTables = {}
    composed: CompositionTables = {}
    scores = {}
    with Progress("evaluating", len(methods), "method") as progress:
        for name, method in methods.items():
            subject = read_subject(material, layout.encoders(method.stage, method.mining), method)
            results[name] = run_tests(material, subject)
            results[name]["validation"] = validate(material, subject.encoders)
            word_tests.measure(subject)
            if units is not None:
                results[name]["units"] = units.measure(subject, name)
            if languages.languages:
                results[name]["languages"] = languages.measure(subject)
            if engine_tests.speech:
                engines[name] = engine_tests.measure(subject, detectors=name == shown)
                results[name]["groups"] = summaries(engines[name], params)
            if material.cases is not None:
                composed[name] = composition.measure(material.cases, subject.encoders, params)
                results[name]["composition"] = in_short(composed[name])
            scores[name] = subject.scores
            progress.advance()
    best = best_method(results)
    with whole_directory(layout.evaluation) as folder:
        write_examples(folder, material, methods, best, scores[best])
        if material.cases is not None:
            method = methods[best]
            encoders = load_encoders(layout.encoders(method.stage, method.mining), device())
            composition.write_examples(folder, material.cases, encoders)
            write_json(folder / "composition.json", composed)
        write_json(folder / "concepts.json", word_tests.tables)
        if units is not None:
            write_json(folder / "units.json", units.tables)
        if languages.languages:
            write_json(folder / "languages.json", languages.tables)
        if engines:
            write_json(folder / "engines.json", engines)
    write_json(layout.metrics("concepts"), word_tests.metrics)
    positives = material.pairs.manifest.positives(material.samples)
    write_plots(layout, results, scores[best], torch.from_numpy(positives))
    write_json(layout.metrics("evaluation"), results)
