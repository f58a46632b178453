"""pretrain-davenet: samples, features, twins -> encoders that match speech and picture (P §5.3)."""

from wordbrush.data.pairs import Pairs
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.others import start_from
from wordbrush.params import Mining, Params
from wordbrush.stages.davenet import train_stage
from wordbrush.storage.layout import Layout
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints


def run(
    params: Params, layout: Layout, mining: Mining, checkpoints: Checkpoints = NO_CHECKPOINTS
) -> None:
    """Train new encoders."""

    def make(pairs: Pairs) -> Encoders:
        encoders = Encoders(EncoderConfig.of(params.davenet, pairs.speech.config))
        if params.davenet.image_weights.file is not None:
            start_from(encoders.image, params.davenet.image_weights)
        return encoders

    train_stage(params, layout, "pretrain", mining, checkpoints, make, twinned=True)
