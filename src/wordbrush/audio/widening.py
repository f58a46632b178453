"""Sound of a low rate, as a telephone's or a headset's, with something where it has nothing.

To a network, speech whose upper bands are empty is like no speech that it knows. So a softer mirror
image of the lower bands is put there (high-frequency regeneration, Makhoul & Berouti 1979).
"""

import numpy as np

from wordbrush.audio.sound import SAMPLE_RATE

SOFTER_DB = 18.0  # docs/speech.md: 12 and 24 are hardly worse with models/small
TAPS = 129


def widened(sound: np.ndarray, rate: int) -> np.ndarray:
    """A sound float32 [S] at 16 kHz that came with `rate` samples a second, less than 16 kHz."""
    from scipy.signal import firwin  # takes a second to import, and is seldom needed

    carrier = np.cos(2 * np.pi * rate / SAMPLE_RATE * np.arange(len(sound)))
    above = firwin(TAPS, rate / 2, pass_zero=False, fs=SAMPLE_RATE)
    both = 1.0 if 2 * rate == SAMPLE_RATE else 2.0  # at 8 kHz, the two images of each tone are one
    image = np.convolve(sound * carrier, above)[TAPS // 2 :][: len(sound)]
    return (sound + both * 10 ** (-SOFTER_DB / 20) * image).astype(np.float32)
