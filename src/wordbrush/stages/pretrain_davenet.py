"""pretrain-davenet: pairs of samples and features -> encoders that match speech and picture (P §5.3)."""

from wordbrush.grounding.encoders import Encoders
from wordbrush.params import Params
from wordbrush.runtime.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.runtime.layout import Layout
from wordbrush.stages.davenet import train_stage


def run(params: Params, layout: Layout, mining: str, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    train_stage(params, layout, "pretrain", mining, params.schedule.pretrain, checkpoints,
                lambda pairs: Encoders(params.davenet, pairs.speech.bands))
