"""What the three DAVEnet stages share: read the pairs, train, write encoders and a curve."""

from collections.abc import Callable
from dataclasses import replace

from wordbrush.data.pairs import Pairs, read_trained
from wordbrush.data.twins import read_twins
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.negatives import Editor
from wordbrush.davenet.requirements import require_room
from wordbrush.davenet.training import CURVES, Settings, train
from wordbrush.params import Mining, Params, Twins
from wordbrush.process import is_main
from wordbrush.storage.files import whole_directory, write_csv
from wordbrush.storage.layout import Layout
from wordbrush.storage.weights import save_network
from wordbrush.training.checkpoints import Checkpoints
from wordbrush.training.compute import set_seed
from wordbrush.training.conditions import as_chosen, for_device


def read_pairs(params: Params, layout: Layout, twins: Twins | None) -> Pairs:
    """What a stage trains on, with the twins that are asked for."""
    pairs = read_trained(params, layout)
    if twins is None:
        return pairs
    trained = pairs.manifest.pictures(pairs.manifest.captions("train"))
    return replace(pairs, twins=read_twins(layout.twins, pairs.images, trained))


def train_stage(
    params: Params,
    layout: Layout,
    name: str,
    mining: Mining,
    checkpoints: Checkpoints,
    make_encoders: Callable[[Pairs], Encoders],
    editor: Editor | None = None,
    twinned: bool = False,
) -> None:
    """Train encoders as the stage `name` (`pretrain`, `random-edits`, `targeted-edits`) does.

    twinned: with the twins that the parameters ask for. Where several processes train them, the
    first one writes.
    """
    larger = for_device(params)
    twins = larger.twins if twinned and params.twins.used else None
    pairs = read_pairs(params, layout, twins)
    require_room(larger.davenet, pairs, edited=editor is not None)
    set_seed(params.grounding_seed)
    encoders = make_encoders(pairs)
    with as_chosen(params):
        stage = getattr(larger.schedule, name.replace("-", "_"))
        seed, against = params.grounding_seed, params.edits.against
        settings = Settings(larger.davenet, stage, mining, seed, against, twins)
        rows = train(encoders, pairs, settings, editor, checkpoints)
    if not is_main():
        return
    with whole_directory(layout.encoders(name, mining)) as folder:
        heard = pairs.speech.config
        config = EncoderConfig.of(params.davenet, heard, stage=name, mining=mining)
        save_network(folder, "encoders", encoders, config)
    write_csv(layout.plots(f"{name}_{mining}"), CURVES, rows)
