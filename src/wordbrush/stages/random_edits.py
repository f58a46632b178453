"""random-edits: pretrained encoders -> encoders trained on against random edits at the salient cell
(P §5.4).

Where the samples are rendered scenes, the renderer's own edits take their place (P §6.5).
"""

from wordbrush.davenet.encoders import load_encoders
from wordbrush.editing.editors import make_random_editor
from wordbrush.params import Mining, Params
from wordbrush.stages.davenet import train_stage
from wordbrush.storage.layout import Layout
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.compute import device


def run(
    params: Params, layout: Layout, mining: Mining, checkpoints: Checkpoints = NO_CHECKPOINTS
) -> None:
    """Train on the encoders of pretrain-davenet."""
    train_stage(
        params,
        layout,
        "random-edits",
        mining,
        checkpoints,
        lambda _: load_encoders(layout.encoders("pretrain", mining), device()),
        make_random_editor(params, layout, params.grounding_seed),
    )
