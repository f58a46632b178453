"""What the three DAVEnet stages share: read the pairs, train, write encoders and a curve."""

from collections.abc import Callable

from wordbrush.data.pairs import Pairs, read_pairs
from wordbrush.data.splits import split_ranges
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.training import CURVES, Editor, require_room, train
from wordbrush.params import Params
from wordbrush.process import is_main
from wordbrush.storage.files import whole_directory, write_csv
from wordbrush.storage.layout import Layout
from wordbrush.storage.weights import save_weights
from wordbrush.training.checkpoints import Checkpoints
from wordbrush.training.compute import precision, set_seed


def train_stage(
    params: Params,
    layout: Layout,
    name: str,
    mining: str,
    checkpoints: Checkpoints,
    make_encoders: Callable[[Pairs], Encoders],
    editor: Editor | None = None,
) -> None:
    """Train encoders as the stage `name` (`pretrain`, `random-edits`, `targeted-edits`) does.

    Where several processes train them, the first one writes.
    """
    pairs = read_pairs(params, layout)
    require_room(params.davenet, pairs.speech, edited=editor is not None)
    set_seed(params.grounding_seed)
    encoders = make_encoders(pairs)
    splits = split_ranges(params.samples)
    with precision(params.precision):
        rows = train(
            encoders,
            pairs,
            splits["train"],
            splits["validation"],
            params.davenet,
            getattr(params.schedule, name.replace("-", "_")),
            mining,
            params.grounding_seed,
            editor,
            checkpoints,
        )
    if not is_main():
        return
    with whole_directory(layout.encoders(name, mining)) as folder:
        config = {
            "davenet": params.davenet.model_dump(),
            "bands": pairs.speech.bands,
            "mining": mining,
            "stage": name,
        }
        save_weights(folder, "encoders", encoders, config)
    write_csv(layout.plots(f"{name}_{mining}"), CURVES, rows)
