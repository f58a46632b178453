"""A collection whose rows are in several languages: an audio network for some of them."""

import pytest

from tests.recorded import miniature
from wordbrush.davenet.encoders import load_encoders
from wordbrush.errors import WordbrushError
from wordbrush.evaluation.results import Results
from wordbrush.params import Params, parse
from wordbrush.stages import cluster_units, evaluate, import_collection, pretrain_davenet
from wordbrush.stages.preflight import check_inputs
from wordbrush.storage.files import read_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.yaml import merge
from wordbrush.training.compute import device


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    return miniature.collection(tmp_path_factory.mktemp("languages"), languages=("fr", "el"))


@pytest.fixture(scope="module")
def asked(tiny, collection):
    def of(*languages: str, **pairs) -> Params:
        davenet = {"languages": list(languages), "batch_size": 4}
        changes = {"collection": str(collection), "davenet": davenet, "pairs": pairs}
        return parse(merge(tiny.model_dump(), changes), "test")

    return of


def test_a_network_for_each_language_learns_and_is_measured(asked, tmp_path):
    params, layout = asked("fr", "el"), Layout(tmp_path)
    import_collection.run(params, layout)
    pretrain_davenet.run(params, layout, "hard")
    cluster_units.run(params, layout, "hard")
    evaluate.run(params, layout)
    encoders = load_encoders(layout.encoders("pretrain", "hard"), device())
    assert encoders.config.languages == ["fr", "el"]
    (found,) = read_json(layout.metrics("evaluation"), Results).values()
    between = found["languages"]["translations"]
    assert list(between) == ["fr to el", "el to fr"]
    assert between["fr to el"]["captions"]["candidates"] == 3
    assert "words" not in between["fr to el"]  # nobody says single words


def test_a_language_that_training_does_not_hear_is_refused_before_anything_runs(asked):
    check_inputs(asked("fr", "el"))
    for params in (asked("fr", "ru"), asked("fr", "el", unheard_languages=["el"])):
        with pytest.raises(WordbrushError, match=r"which davenet\.languages names: leave"):
            check_inputs(params)
