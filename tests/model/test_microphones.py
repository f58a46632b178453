"""The same captions through the faults of recordings: the model still finds the same drawings."""

import numpy as np
import pytest
from experiments.microphones import FAULTS, Heard

from wordbrush.audio.features import log_mel, with_silence
from wordbrush.audio.inputs import prepare

CAPTIONS, DRAWINGS = 8, 64
# For how many captions the best of the drawings must stay, where it need not be all but one.
FEWER = {
    "11.025 kHz": 6,
    "8 kHz, as of a headset": 6,
    "60 dB quieter, 16 bits": 4,
    "clipped at a quarter of the peak": 5,
    "clipped at a tenth of the peak": 2,
}


@pytest.fixture(scope="module")
def heard(small) -> Heard:
    return Heard(small, CAPTIONS, DRAWINGS)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_best_drawing_stays(heard, fault):
    stays, _ = heard.after(FAULTS[fault])
    assert sum(stays) >= FEWER.get(fault, CAPTIONS - 1)


def test_clean_captions_change_in_level_alone(heard):
    """By a constant, which the running mean takes away, and by rounding; silence stays silent."""
    config = heard.model.config.features
    for sound in heard.sounds:
        clean = sound.astype(np.float32)
        before, after = (
            log_mel(with_silence(one, config), config).astype(np.float32)
            for one in (clean, prepare(clean).sound)
        )
        moved = (after - before)[(before > 0.1) & (after > 0.1)]
        assert np.ptp(moved) < 0.0015 and not after[before == 0].any()


def test_what_is_too_long_is_cut_with_a_warning(heard, caplog):
    sound = np.tile(heard.sounds[0], 8)
    heard.model.hear(sound)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "the first 12.8 s are heard" in caplog.text
