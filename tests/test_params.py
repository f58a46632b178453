"""Parameters: all are typed and bounded; an error names file, field and value."""

import re
from pathlib import Path

import pytest

from wordbrush import params as parameters
from wordbrush import presets
from wordbrush.errors import WordbrushError
from wordbrush.stages import preflight
from wordbrush.storage.yaml import merge, read_yaml

ROOT = Path(__file__).resolve().parents[1]


def parse_with(**changes):
    return parameters.parse(merge(read_yaml(ROOT / "params.yaml"), changes), "params.yaml")


def test_committed_parameters_and_presets_are_valid():
    checked = list(preflight.check_all(ROOT / "params.yaml", ROOT / "presets"))
    assert [Path(name).stem for name in checked] == [
        "params",
        "full",
        "languages",
        "paper",
        "recorded",
        "redrawn",
        "senses",
        "small",
        "sounds",
        "stamps",
        "tiny",
        "vq",
    ]


@pytest.mark.parametrize(
    ("preset", "own"),
    [("vq", {"davenet", "schedule"}), ("senses", {"senses"}), ("sounds", {"senses"})],
)
def test_presets_that_learn_from_the_drawings_and_captions_of_small(preset, own):
    base = read_yaml(ROOT / "params.yaml")
    small, other = (
        parameters.parse(merge(base, read_yaml(ROOT / f"presets/{name}.yaml")), name)
        for name in ("small", preset)
    )
    assert {name for name, section in small if getattr(other, name) != section} == own


def test_languages_learns_from_the_drawings_of_small():
    base = read_yaml(ROOT / "params.yaml")
    small, languages = (
        parameters.parse(merge(base, read_yaml(ROOT / f"presets/{name}.yaml")), name)
        for name in ("small", "languages")
    )
    differing = {name for name, section in small if getattr(languages, name) != section}
    assert differing == {"captions", "davenet", "schedule"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": -1}, ["seed", "-1", "greater than or equal to 0"]),
        ({"seed": "7"}, ["seed", "'7'", "integer"]),
        ({"scenes": {"resolution": 48}}, ["scenes.resolution", "48", "16, 32, 64, 128 or 256"]),
        (
            {"scenes": {"min_objects": 3, "max_objects": 2}},
            ["scenes", "min_objects 3", "max_objects 2"],
        ),
        ({"scenes": {"source": "clevr"}}, ["clevr_path"]),
        ({"gan": {"learning_rate": float("nan")}}, ["gan.learning_rate", "nan"]),
        ({"gan": {"colour": 1}}, ["gan.colour", "unknown"]),
        ({"gan": {"channels": {4: 8}, "ema_decay": 1.0}}, ["gan.ema_decay", "1.0", "less than 1"]),
        (
            {"davenet": {"similarity": "SIMO"}},
            ["davenet.similarity", "'SIMO'", "'SISA', 'MISA' or 'SIMA'"],
        ),
        ({"edits": {"probability": 1.5}}, ["edits.probability", "1.5"]),
        ({"edits": {"resolution": 64}}, ["edits.resolution 64", "scenes.resolution 32"]),
        ({"scenes": {"clevr_path": ""}}, ["scenes.clevr_path", "'' is no path"]),
        ({"scenes": {"clevr_path": "a\0b"}}, ["scenes.clevr_path", "a control character"]),
        ({"captions": {"languages": []}}, ["captions.languages", "at least 1 item"]),
        ({"captions": {"languages": ["de", "de"]}}, ["captions: languages names de more than on"]),
        ({"captions": {"languages": ["de-DE"]}}, ["captions.languages.0", "'de-DE'"]),
        (
            {"captions": {"languages": ["en", "de"]}, "collection": "data/recorded"},
            ["captions.languages names 2 languages", "data/recorded"],
        ),
        (
            {
                "captions": {"languages": ["en", "de"], "shared": False},
                "samples": {"train": 3},
            },
            ["captions.shared is false, and 2 languages cannot share samples.train 3"],
        ),
        ({"davenet": {"languages": ["en", "en"]}}, ["davenet: languages names en more than on"]),
        (
            {"davenet": {"languages": ["en", "de"]}},
            ["davenet.languages names en, de, and captions.languages en"],
        ),
        (
            {"davenet": {"languages": ["en", "de", "es"], "batch_size": 64}},
            ["davenet: batch_size 64", "among 3 languages"],
        ),
        (
            {"davenet": {"languages": ["en"], "language_weight": 1.0}},
            ["davenet: language_weight 1.0", "languages names 1"],
        ),
        (
            {"captions": {"languages": ["en", "de"]}, "davenet": {"languages": ["en", "de"]}},
            ["schedule.random_edits.edit_every is 4", "choose 3 or 5"],
        ),
        (
            {
                "captions": {"languages": ["en", "de"], "shared": False},
                "davenet": {"languages": ["en", "de"], "language_weight": 0.5},
                "schedule": {
                    "random_edits": {"edit_every": 3},
                    "targeted_edits": {"edit_every": 3},
                },
            },
            ["davenet.language_weight", "captions.shared: false none has both"],
        ),
        (
            {
                "collection": "data/recorded",
                "davenet": {
                    "languages": ["fr", "ru"],
                    "quantisers": [{"layer": 2, "codes": 8, "from_step": 0}],
                },
            },
            ["davenet.languages names 2", "set davenet.quantisers to []"],
        ),
        ({"captions": {"voices": []}}, ["captions.voices", "at least 1 item"]),
        ({"edits": {"probability_step": 1e-12}}, ["edits.probability_step", "0.001"]),
        ({"evaluation": {"bootstrap": 10**12}}, ["evaluation.bootstrap", "1000000"]),
        ({"captions": {"rates": [170, 451]}}, ["captions.rates.1", "451", "450"]),
        ({"captions": {"pitches": [100]}}, ["captions.pitches.0", "100", "99"]),
        (
            {"captions": {"held_out_voices": ["en-us+m1", "en+f1"]}},
            ["captions: held_out_voices names en+f1", "voices has too"],
        ),
        (
            {"captions": {"normalisation": "utterance", "range_db": 80.0}},
            [
                "davenet.augmentation varies speech (tempo, vocal_tract, equaliser_db, level_db)",
                "captions.normalisation: running",
            ],
        ),
        (
            {"davenet": {"augmentation": {"rooms": 1.5}}},
            ["davenet.augmentation.rooms", "1.5", "less than or equal to 1"],
        ),
        (
            {"davenet": {"augmentation": {"band_mask_width": 41}}},
            ["davenet.augmentation.band_mask_width 41", "40 bands"],
        ),
        (
            {"captions": {"normalisation": "running", "range_db": 200.0}},
            ["captions: range_db 200", "set 120 or less"],
        ),
        (
            {"davenet": {"running_norm": {"past_seconds": 0.0}}},
            ["davenet.running_norm.past_seconds", "greater than 0"],
        ),
        (
            {"captions": {"engine_shares": {"flite": 1.0}}},
            ["captions: engine_shares names flite, and the engines of voices are espeak-ng, pico"],
        ),
        (
            {"captions": {"engine_shares": {"espeak-ng": 0.3, "pico": 0.2}}},
            ["captions: engine_shares add up to 0.5, and must to 1"],
        ),
        ({"senses": {"loss": "teacher"}}, ["senses.loss", "'teacher'"]),
        ({"senses": {"margin": 2.5}}, ["senses.margin", "2.5", "2"]),
        ({"senses": {"sound": "music"}}, ["senses.sound", "'music'"]),
        (
            {"senses": {"loss": "both"}, "samples": {"train": 3}},
            ["senses.loss both", "samples.train 3", "4 or more"],
        ),
        (
            {
                "senses": {"loss": "both"},
                "captions": {"languages": ["en", "de"], "shared": False},
                "samples": {"train": 6},
            },
            ["samples.train 6", "3 in the first language", "7 or more"],
        ),
        (
            {"senses": {"loss": "both", "picture_channels": [8, 8, 8, 8, 8, 8]}},
            ["senses.picture_channels names 6", "scenes.resolution 32", "fewer"],
        ),
        (
            {"senses": {"loss": "ranking"}, "collection": "people"},
            ["senses.loss ranking", "collection", "none"],
        ),
        ({"captions": {"engine_shares": {"espeak-ng": 0.0}}}, ["engine_shares.espeak-ng", "0"]),
        (
            {"captions": {"validation_voices": ["hibari/heart"], "test_voices": ["hibari/heart"]}},
            ["captions: test_voices names hibari/heart, which validation_voices has too"],
        ),
        (
            {"captions": {"validation_voices": ["hibari/heart"], "test_voices": ["hibari/a"]}},
            ["captions: test_voices names voices of hibari, and so does validation_voices"],
        ),
        (
            {"captions": {"validation_voices": ["de"]}},
            ["captions: validation_voices names voices of espeak-ng, and so does voices"],
        ),
        (
            {"captions": {"test_voices": ["flite/slt", "flite/slt"]}},
            ["captions: test_voices names flite/slt more than once"],
        ),
        (
            {"captions": {"test_voices": ["recordings/anna"]}},
            ["captions: recordings/anna: recordings must name the folder with their manifest"],
        ),
        ({"captions": {"recordings": ""}}, ["captions.recordings", "'' is no path"]),
        (
            {"collection": "/c", "redraw": True, "edits": {"operation": "exchange"}},
            ["edits.operation exchange moves the objects of drawings", "ablate or transplant"],
        ),
        ({"twins": {"kind": "edited", "each": 0}}, ["twins.each", "0"]),
        (
            {"collection": "/c", "twins": {"kind": "edited"}},
            ["twins.kind edited asks for drawings", "collection names pictures of people"],
        ),
        (
            {
                "captions": {
                    "languages": ["en", "de"],
                    "voices": ["en", "de"],
                    "held_out_voices": ["en-us+m1", "de+f2"],
                    "engine_shares": {},
                },
                "twins": {"kind": "edited"},
            },
            ["twins.kind edited asks for drawings", "in English alone"],
        ),
        (
            {"samples": {"source": "renderer"}, "twins": {"kind": "plain"}},
            ["twins.kind plain asks for drawings", "samples.source: renderer"],
        ),
        (
            {
                "captions": {
                    "voices": ["recordings/anna"],
                    "engine_shares": {},
                    "recordings": "people",
                },
                "twins": {"kind": "edited"},
            },
            ["captions.voices names people alone", "add a voice"],
        ),
        (
            {"twins": {"kind": "edited", "drawings": 4501}},
            ["twins.drawings 4501 is more than samples.train 4500"],
        ),
        (
            {"twins": {"kind": "edited", "drawings": 7}},
            ["twins.pairs_a_batch 8 is more than twins.drawings 7"],
        ),
        (
            {"twins": {"kind": "edited", "pairs_a_batch": 12}},
            ["twins.pairs_a_batch 12 must divide batches of 64"],
        ),
        (
            {"twins": {"kind": "edited", "pairs_a_batch": 32}},
            ["twins.pairs_a_batch 32 must divide batches of 64", "three parts or more"],
        ),
        (
            {"samples": {"source": "renderer"}, "edits": {"operation": "move"}},
            ["edits.operation move", "samples.source: renderer"],
        ),
        (
            {"scenes": {"min_objects": 1, "max_objects": 1}, "edits": {"operation": "mirror"}},
            ["edits.operation mirror", "max_objects is 1"],
        ),
        ({"captions": {"captions_per_engine": 0}}, ["captions.captions_per_engine", "0"]),
        ({"captions": {"max_frames": 10}}, ["captions.max_frames 10", "0.1 seconds of speech"]),
        (
            {"davenet": {"quantisers": [{"layer": 6, "codes": 8, "from_step": 0}]}},
            ["davenet: quantisers names layer 6", "audio network davenet has layers 1 to 5"],
        ),
        (
            {
                "davenet": {
                    "audio_network": "resdavenet",
                    "quantisers": [{"layer": 5, "codes": 8, "from_step": 0}],
                }
            },
            ["quantisers names layer 5", "resdavenet has layers 1 to 4"],
        ),
        (
            {"davenet": {"quantisers": [{"layer": 0, "codes": 8, "from_step": 0}]}},
            ["davenet.quantisers.0.layer", "greater than or equal to 1"],
        ),
        (
            {"davenet": {"quantisers": [{"layer": 2, "codes": 1, "from_step": 0}]}},
            ["davenet.quantisers.0.codes", "1", "greater than or equal to 2"],
        ),
        (
            {"davenet": {"quantisers": [{"layer": 2, "codes": 8, "from_step": 9000}]}},
            ["behind layer 2 from step 9000 on", "schedule.pretrain has 3200 steps"],
        ),
        (
            {"davenet": {"quantisers": 2 * [{"layer": 2, "codes": 8, "from_step": 0}]}},
            ["quantisers names layer 2 more than once"],
        ),
        (
            {"davenet": {"codebooks": {"decay": 1.0}}},
            ["davenet.codebooks.decay", "less than 1"],
        ),
        (
            {"davenet": {"audio_network": "resdavenet", "extra_audio_layers": 1}},
            ["davenet: extra_audio_layers is 1", "audio_network resdavenet"],
        ),
        (
            {"davenet": {"audio_stages": {"width": 4}}},
            ["davenet.audio_stages", "width 4 is even"],
        ),
        (
            {"davenet": {"image_stages": {"blocks": [1, 1]}}},
            ["davenet.image_stages", "channels names 3 stages, and blocks 2"],
        ),
        (
            {"davenet": {"image_network": "resnet", "image_stages": {"stem": 4}, "image_size": 8}},
            ["image_size 8 is halved 4 times"],
        ),
        ({"captions": {"hop_ms": 700.0}}, ["davenet.crop_min_seconds 0.3", "hop_ms 700.0"]),
        ({"segmenter": {"held_out": 0.0}}, ["segmenter.held_out 0.0", "0 to measure on"]),
        ({"segmenter": {"held_out": 1.0}}, ["segmenter.held_out 1.0", "0 scenes to learn"]),
    ],
)
def test_a_bad_value_is_named(changes, words):
    with pytest.raises(WordbrushError) as caught:
        parse_with(**changes)
    message = str(caught.value)
    assert message.startswith("params.yaml: ")
    for word in words:
        assert word in message


def test_a_missing_value_is_named():
    data = read_yaml(ROOT / "params.yaml")
    del data["gan"]["loss"]
    with pytest.raises(WordbrushError, match=r"gan\.loss is missing"):
        parameters.parse(data, "params.yaml")


def test_a_resolution_without_its_channels_is_refused():
    with pytest.raises(
        WordbrushError, match=r"gan\.channels names the resolutions .* needs \[4, 8, 16, 32, 64\]"
    ):
        parse_with(scenes={"resolution": 64})


def test_broken_yaml_names_its_line(tmp_path):
    broken = tmp_path / "params.yaml"
    broken.write_text("seed: 1\nscenes: {count: [\n")
    with pytest.raises(WordbrushError, match=r"params\.yaml:\d+ is not valid YAML"):
        parameters.load(broken)


def test_the_path_of_clevr_is_one_as_people_write_it(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert parse_with(scenes={"clevr_path": "~/CLEVR/"}).scenes.clevr_path == "/home/me/CLEVR"


@pytest.mark.parametrize(
    "text",
    [
        "a: 2019-13-45",
        "a: !!int ''",
        "a: !!bool x",
        "a: !!timestamp x",
        "a: \0",
        "? [a]\n: 1\n1: 2",
    ],
)
def test_a_value_that_yaml_does_not_have_is_one_sentence(tmp_path, text):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(WordbrushError, match=r"params\.yaml") as caught:
        parameters.load(tmp_path / "params.yaml")
    assert "\n" not in str(caught.value)


def test_an_empty_file_is_named(tmp_path):
    (tmp_path / "params.yaml").write_text("# nothing\n")
    with pytest.raises(WordbrushError, match=r"params\.yaml is empty"):
        parameters.load(tmp_path / "params.yaml")


def test_a_preset_keeps_a_linked_file_a_link(tmp_path):
    (tmp_path / "shared.yaml").write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "params.yaml").symlink_to("shared.yaml")
    presets.apply("tiny", tmp_path / "params.yaml", ROOT / "presets")
    assert (tmp_path / "params.yaml").is_symlink()
    assert read_yaml(tmp_path / "shared.yaml")["scenes"]["count"] == 64


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WordbrushError, match=r"params\.yaml is missing"):
        parameters.load(tmp_path / "params.yaml")


def test_every_number_names_its_source():
    lines = (ROOT / "params.yaml").read_text().splitlines()
    numbers = [line for line in lines if re.match(r"^(  )?\w+: \S", line)]
    assert len(numbers) > 60
    without = [line for line in numbers if not re.search(r"# .*\b(ours|P|D|K|C|G)\b", line)]
    assert without == []


def test_a_preset_changes_only_what_it_names_and_keeps_comments(tmp_path):
    target = tmp_path / "params.yaml"
    target.write_text((ROOT / "params.yaml").read_text())
    before = read_yaml(target)
    presets.apply("small", target, ROOT / "presets")
    after = read_yaml(target)
    assert after == merge(before, read_yaml(ROOT / "presets/small.yaml"))
    assert (
        after["scenes"]["resolution"] == 64
        and after["scenes"]["min_distance"] == before["scenes"]["min_distance"]
    )
    assert "# C: --min_dist" in target.read_text()


def test_presets_follow_one_another_and_lose_no_comment(tmp_path):
    target, folder = tmp_path / "params.yaml", ROOT / "presets"
    target.write_text((ROOT / "params.yaml").read_text())
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    for name in [*names, *reversed(names), "vq", "small", "stamps"]:
        before, comments = read_yaml(target), target.read_text().count("#")
        presets.apply(name, target, folder)
        assert read_yaml(target) == merge(before, read_yaml(folder / f"{name}.yaml")), name
        assert target.read_text().count("#") == comments, name


def test_a_preset_fits_whichever_was_there_before(tmp_path):
    target = tmp_path / "params.yaml"
    names = ["full", "paper", "small", "tiny", "vq"]
    for before in names:
        for after in names:
            target.write_text((ROOT / "params.yaml").read_text())
            for name in (before, after):
                presets.apply(name, target, ROOT / "presets")  # which checks what comes out
            parameters.load(target)


def test_a_preset_changes_no_other_line(tmp_path):
    target = tmp_path / "params.yaml"
    before = (ROOT / "params.yaml").read_text()
    target.write_text(before)
    presets.change(target, {"seed": 7, "segmenter": {"channels": [8, 16]}})
    lines = zip(before.splitlines(), target.read_text().splitlines(), strict=True)
    assert [after.split()[0] for line, after in lines if line != after] == ["seed:", "channels:"]


def test_lists_with_a_line_for_each_value_can_be_changed(tmp_path):
    """Such as `wordbrush preset` once wrote them; then lines ran into one another."""
    target = tmp_path / "params.yaml"
    rows = "channels:                   # ours\n" + "".join(f"  - {n}\n" for n in (24, 48, 64))
    listed = re.sub(r"channels: \[24, 48, 64\] .*\n", rows, (ROOT / "params.yaml").read_text())
    target.write_text(listed)
    changes = {"segmenter": {"channels": [32, 64]}}
    presets.change(target, changes)
    assert read_yaml(target) == merge(read_yaml(ROOT / "params.yaml"), changes)
    assert target.read_text().count("#") == listed.count("#")


def test_every_preset_is_valid_after_every_other():
    base = read_yaml(ROOT / "params.yaml")
    changes = {path.stem: read_yaml(path) for path in (ROOT / "presets").glob("*.yaml")}
    for before, first in changes.items():
        for after, second in changes.items():
            params = parameters.parse(merge(merge(base, first), second), f"{after} on {before}")
            if after in ("recorded", "redrawn"):
                assert params.graph == after


def test_a_bad_preset_leaves_params_alone(tmp_path):
    target = tmp_path / "params.yaml"
    target.write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "bad.yaml").write_text("gan: {colour: 1}\n")
    with pytest.raises(WordbrushError, match=r"bad\.yaml: gan\.colour"):
        presets.apply("bad", target, tmp_path)
    with pytest.raises(WordbrushError, match="no preset 'worse'"):
        presets.apply("worse", target, tmp_path)
    assert target.read_text() == (ROOT / "params.yaml").read_text()


def test_paper_preset_keeps_karras_values():
    base = read_yaml(ROOT / "params.yaml")
    paper = parameters.parse(merge(base, read_yaml(ROOT / "presets/paper.yaml")), "paper")
    gan = paper.gan
    assert (gan.loss, gan.penalty_weight, gan.penalty_every, gan.drift_weight) == (
        "wgan-gp",
        10.0,
        1,
        0.001,
    )
    assert (gan.adam_beta1, gan.adam_beta2, gan.adam_epsilon, gan.learning_rate) == (
        0.0,
        0.99,
        1e-8,
        0.001,
    )
    assert gan.channels[32] == 512 and gan.channels[128] == 128 and gan.augment_shift == 0
    assert (
        paper.davenet.similarity == "MISA"
        and paper.davenet.loss == "margin"
        and paper.davenet.crop_share == 0
    )


def test_people_may_be_in_several_groups_and_groups_need_another_engine():
    people = {
        "voices": ["en", "recordings/a"],
        "held_out_voices": ["recordings/b"],
        "engine_shares": {},
        "validation_voices": [],
        "test_voices": [],
    }
    captions = parse_with(captions={**people, "recordings": "spoken"}).captions
    assert captions.groups == {}
    more = {"validation_voices": ["recordings/c"], "recordings": "spoken"}
    assert parse_with(captions={**people, **more}).captions.groups == {
        "training": ["en", "recordings/a"],
        "held_out": ["recordings/b"],
        "validation": ["recordings/c"],
    }
