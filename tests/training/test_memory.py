"""What does not fit into memory is refused before it is allocated, in terms of the parameters."""

from importlib import import_module

import pytest
import torch

from wordbrush import params as parameters
from wordbrush.errors import WordbrushError
from wordbrush.storage.layout import Layout
from wordbrush.storage.yaml import merge
from wordbrush.training import memory
from wordbrush.training.compute import training_bytes


def test_free_memory_is_that_of_the_container_where_it_is_less(tmp_path, monkeypatch):
    machine = memory.free_memory()
    assert machine > 1 << 28
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("700000\n")
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 60000\nactive_file 40000\n")
    assert memory.free_memory() == 400_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free_memory() > 1 << 28


def test_a_refusal_names_both_sizes_and_the_way_out():
    memory.require_memory("a little", 1000, "do nothing", free=10)
    with pytest.raises(
        WordbrushError,
        match=r"much would take 2\.0 GiB of memory, but 1\.0 GiB are free: lower x in params",
    ):
        memory.require_memory("much", 2 << 30, "lower x", free=1 << 30)


def test_training_is_counted_without_being_allocated():
    """A layer of 100 GB; and one whose weight, input and output are counted by hand."""
    state = torch.get_rng_state()
    assert (
        training_bytes(
            lambda: torch.nn.Linear(160_000, 160_000, bias=False),
            lambda net: net(torch.empty(1, 160_000)),
        )
        > 4e11
    )
    counted = training_bytes(
        lambda: torch.nn.Linear(8, 4, bias=False), lambda net: net(torch.empty(2, 8)).square()
    )
    # the weight, its gradient and Adam's two averages; the inputs of the layer and of the square
    assert counted == 4 * 8 * 4 * 4 + 4 * (2 * 8 + 2 * 4)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("stage", "change", "advice"),
    [
        ("render_scenes", {"scenes": {"count": 2_000_000_000}}, "scenes.count"),
        (
            "train_gan",
            {"gan": {"batch_sizes": {16: 60_000}, "channels": {16: 4096}}},
            "gan.batch_sizes",
        ),
        (
            "train_segmenter",
            {"segmenter": {"channels": [60_000, 60_000]}},
            "segmenter.batch_size or segmenter.channels",
        ),
        ("sample_images", {"samples": {"semantic": 2_000_000_000}}, "the numbers of samples"),
        (
            "pretrain_davenet",
            {"davenet": {"image_channels": [60_000, 60_000]}},
            "davenet.batch_size or the channels of davenet",
        ),
    ],
)
def test_stages_refuse_by_name(finished, tiny, stage, change, advice):
    params = parameters.parse(merge(tiny.model_dump(), change), "test")
    options = {"mining": "hard"} if stage == "pretrain_davenet" else {}
    with pytest.raises(
        WordbrushError, match=rf"of memory, but .* are free: lower {advice}.* in params\.yaml"
    ):
        import_module(f"wordbrush.stages.{stage}").run(params, Layout(finished.root), **options)
