"""The reader on natural sounds of Debian's packages, where they are installed.

minetest-data has footsteps and blows on metal, glass, wood and gravel, sonic-pi-samples drums and
bells, tuxpaint-stamps-default sounds of animals and things. REAL_SOUNDS names a folder into which
they are unpacked with `dpkg-deb -x`.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import log_mel, with_silence
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.corpora.records import Unusable
from wordbrush.corpora.sounds import SHORTEST, load

PACKAGES = {
    "minetest-data": "usr/share/games/minetest",
    "sonic-pi-samples": "usr/share/sonic-pi/samples",
    "tuxpaint-stamps-default": "usr/share/tuxpaint/stamps",
}
SUFFIXES = (".ogg", ".flac", ".wav")
LONGEST = 60.0  # seconds


@pytest.mark.parametrize("package", PACKAGES)
def test_every_sound_is_read_whole_or_refused_for_what_it_is(package, tiny):
    folder = Path(os.environ.get("REAL_SOUNDS", "/")) / PACKAGES[package]
    if not folder.is_dir():
        pytest.skip(f"needs Debian's {package}")
    config, refused = FeatureConfig.taken_from(tiny.captions), 0
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix in SUFFIXES and "_desc" not in path.name  # descriptions are speech
    ]
    assert len(files) > 100
    for path in files:
        samples, rate = soundfile.read(path)
        try:
            sound = load(path.read_bytes(), path.name, LONGEST)
        except Unusable as unusable:
            expected = {"too short": len(samples) < SHORTEST * rate, "silent": np.ptp(samples) == 0}
            assert expected[unusable.kind], path
            refused += 1
            continue
        assert abs(sound.seconds - len(samples) / rate) <= 1 / SAMPLE_RATE, path
        assert 0.5 < np.abs(sound.samples.astype(float)).max() / (1 << 15) <= 1, path
        frames = log_mel(with_silence(sound.samples / np.float32(1 << 15), config), config)
        assert np.isfinite(frames).all() and np.ptp(frames) > 0, path
    assert refused < len(files) / 10
