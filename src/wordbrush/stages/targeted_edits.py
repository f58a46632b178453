"""targeted-edits: encoders of random-edits, concepts -> encoders trained on against edits of one
concept at the salient cell (P §5.6).

A random edit takes more units until the picture differs (P §5.4). So does a targeted one: it takes
more of the units that agree with the concept, the best first (ours: P has a fixed number).
"""

from wordbrush.davenet.encoders import load_encoders
from wordbrush.editing.editors import make_targeted_editor
from wordbrush.params import Mining, Params
from wordbrush.stages.davenet import train_stage
from wordbrush.storage.layout import Layout
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.compute import device


def run(
    params: Params, layout: Layout, mining: Mining, checkpoints: Checkpoints = NO_CHECKPOINTS
) -> None:
    """Train on the encoders of random-edits."""
    train_stage(
        params,
        layout,
        "targeted-edits",
        mining,
        checkpoints,
        lambda _: load_encoders(layout.encoders("random-edits", mining), device()),
        make_targeted_editor(params, layout, mining, params.grounding_seed),
    )
