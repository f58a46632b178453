"""A collection whose pictures a GAN learns to draw, through the stages in one process."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML

from tests.recorded import miniature
from wordbrush.concepts.store import ConceptSet
from wordbrush.data.images import fitted, to_images
from wordbrush.data.pairs import read_pairs
from wordbrush.data.views import MIDDLE
from wordbrush.davenet.encoders import load_encoders
from wordbrush.editing.editors import make_random_editor, make_targeted_editor
from wordbrush.errors import WordbrushError
from wordbrush.evaluation.edit_success import batch_of
from wordbrush.evaluation.material import read_material
from wordbrush.evaluation.results import Results
from wordbrush.explorer.easel import Easel, Edit, Recipe
from wordbrush.gan.sampling import draw, load_generator
from wordbrush.model import load_model
from wordbrush.model.export import export
from wordbrush.params import Params, parse
from wordbrush.report.stage_pages import stage_page
from wordbrush.stages import (
    cluster_units,
    evaluate,
    find_latents,
    import_collection,
    pretrain_davenet,
    random_edits,
    report,
    targeted_edits,
    train_gan,
)
from wordbrush.stages.preflight import check_stage
from wordbrush.stages.table import BY_NAME
from wordbrush.storage.files import read_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.yaml import merge
from wordbrush.training.compute import device, set_seed

CHANGES = {
    "redraw": True,
    "davenet": {"image_size": 24, "image_side": 30, "image_flip": True},
    "latents": {"candidates": 64, "steps": 20},
    "gan": {"augment_flip": True, "augment_shift": 0.125},
}
METHODS = ["hard_negatives", "hn_random_edits", "hn_targeted_edits"]


@pytest.fixture(scope="module")
def params(tiny, tmp_path_factory) -> Params:
    folder = miniature.collection(tmp_path_factory.mktemp("redrawn"))
    return parse(merge(tiny.model_dump(), {**CHANGES, "collection": str(folder)}), "test")


@pytest.fixture(scope="module")
def learned(params, tmp_path_factory) -> Layout:
    layout = Layout(tmp_path_factory.mktemp("learned"))
    set_seed(params.seed)  # as before every stage: first weights of the GAN are drawn
    for stage in (import_collection, train_gan, find_latents):
        stage.run(params, layout)
    for stage in (pretrain_davenet, random_edits, cluster_units, targeted_edits):
        stage.run(params, layout, "hard")
    evaluate.run(params, layout)
    report.run(params, layout)
    with (layout.root / "params.yaml").open("w") as file:
        YAML(typ="safe").dump(params.model_dump(), file)
    return layout


def test_pictures_are_kept_around_their_middle(learned):
    pairs = read_pairs(learned)
    assert pairs.wide is not None and len(pairs.wide) == 11
    assert (pairs.wide.sizes.min(1) == 30).all() and (pairs.wide.sizes.max(1) > 30).any()
    middles = pairs.wide.crops(np.arange(11), 24, np.full((11, 2), MIDDLE))
    assert np.array_equal(middles, pairs.images)


def test_latents_draw_their_own_picture_better_than_another(learned):
    latents = np.load(learned.latents / "latents.npy")
    images = np.load(learned.samples / "images.npy")
    assert latents.shape == (11, 8) and images.shape == (11, 24, 24, 3)
    found = read_json(learned.metrics("latents"), dict[str, float])
    assert found["own"] < found["others"]
    drawn = to_images(draw(load_generator(learned.generator, device()), torch.tensor(latents), 64))
    far = 50 * (drawn - fitted(to_images(images), 16)).abs().mean()
    assert found["own"] == pytest.approx(float(far), abs=0.01)


def test_more_steps_come_nearer(params, learned):
    from wordbrush.gan.inversion import difference, own_size
    from wordbrush.gan.inversion import find_latents as found

    generator = load_generator(learned.generator, device())
    images = np.load(learned.samples / "images.npy")
    wanted, errors = own_size(generator, images), []
    for steps in (0, 5, 40):
        (latents,) = found(generator, images, params.latents.model_copy(update={"steps": steps}), 3)
        errors.append(float(difference(generator(torch.tensor(latents)), wanted).mean()))
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("kind", ["random", "targeted"])
def test_a_picture_changes_as_much_as_its_drawing(params, learned, kind):
    material = read_material(params, learned)
    encoders = load_encoders(learned.encoders("random-edits", "hard"), device())
    batch = batch_of(material, encoders, material.samples)
    editors = [
        make_random_editor(params, learned, 3)
        if kind == "random"
        else make_targeted_editor(params, learned, "hard", 3)
        for _ in range(2)
    ]
    own = editors[0](batch)
    before = editors[1].generator(torch.from_numpy(editors[1].latents[batch.index]))
    drawn = replace(editors[1], own=False)(replace(batch, images=before))
    assert own.pictures.shape == batch.images.shape == (6, 3, 24, 24)
    change = fitted(drawn.pictures - before, 24)
    assert torch.allclose(own.pictures, (batch.images + change).clamp(-1, 1), atol=1e-5)
    assert torch.equal(own.valid, drawn.valid) and change.abs().amax() > 0.1


def test_every_method_is_measured_and_shown(learned):
    results = read_json(learned.metrics("evaluation"), Results)
    assert list(results) == METHODS
    assert all("ways" in one and "edit_success" not in one for one in results.values())
    concepts = ConceptSet.load(learned.clusters("hard"), 11, 22)
    assert concepts.ranks.shape == (4, 16)
    page = (learned.report / "index.html").read_text(encoding="utf-8")
    assert "Learning to draw" in page and 'alt="After a targeted edit"' in page
    assert "rendered scenes" not in page and "segmenter" not in page
    for address in ("train-gan", "find-latents", "random-edits@hard", "targeted-edits@hard"):
        assert "data:image/" in stage_page(address, learned), address


def test_the_model_is_exported_and_draws(params, learned, tmp_path):
    export(params, learned, tmp_path / "model", {})
    model = load_model(tmp_path / "model")
    assert model.config.graph == "redrawn" and model.side == 24
    assert model.draw(2, seed=1).shape == (2, 16, 16, 3)
    with pytest.raises(WordbrushError, match="does not read pictures"):
        model.read(model.draw(1, seed=1))
    easel = Easel(model, 27, model.see(model.draw(12, 27)).cpu())
    edit = Edit(concept=0, operation="ablate", units=4, cell=(1, 1))
    answer = easel.draw(Recipe(position=0.5, edits=[edit]))
    assert answer["read"] is None and answer["changed"] is None and answer["side"] == 16


def test_only_pictures_for_training_are_drawn(params, learned):
    pairs = read_pairs(learned)
    shown = train_gan.read_pictures(params, learned)
    assert np.array_equal(
        shown, pairs.images[pairs.manifest.pictures(pairs.manifest.captions("train"))]
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"collection": None}, "redraw is true, and collection is null"),
        ({"davenet": {"image_size": 8, "image_side": None}}, "scenes.resolution 16.* more than"),
    ],
)
def test_parameters_that_cannot_be_redrawn_are_refused(params, changes, words):
    with pytest.raises(WordbrushError, match=words):
        parse(merge(params.model_dump(), changes), "test")


def test_stages_of_other_graphs_say_why_they_are_left_out(params, tiny):
    recorded = parse(merge(params.model_dump(), {"redraw": False}), "test")
    for own, stage, words in (
        (params, "render-scenes", "left out of the graph redrawn: .* set collection to null"),
        (recorded, "train-gan", "left out of the graph recorded: .* set redraw to true"),
        (tiny, "find-latents", "left out of the graph drawn: collection is null"),
    ):
        with pytest.raises(WordbrushError, match=words):
            check_stage(own, BY_NAME[stage])
