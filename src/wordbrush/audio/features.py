"""Log-mel features by torchaudio. Silence is 0."""

from functools import cache

import numpy as np
import torch
import torchaudio

from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.params import Captions


@cache
def _mel(bands: int, window: int, hop: int, low_hz: float) -> torchaudio.transforms.MelSpectrogram:
    size = 1 << (window - 1).bit_length()
    return torchaudio.transforms.MelSpectrogram(
        SAMPLE_RATE,
        n_fft=size,
        win_length=window,
        hop_length=hop,
        f_min=low_hz,
        n_mels=bands,
        window_fn=torch.hamming_window,
        power=2.0,
        center=True,
        pad_mode="constant",
    )


def log_mel(sound: np.ndarray, captions: Captions) -> np.ndarray:
    """16 kHz sound [S] -> float16 [T, bands] in 0..1: 0 is `range_db` or more below the utterance's maximum, 1 the maximum.

    D: the mean removed, pre-emphasis, a Hamming window, power in decibels relative to the maximum; but D pads with its
    loudest value, and we with silence.
    """
    window, hop = (round(SAMPLE_RATE * ms / 1000) for ms in (captions.window_ms, captions.hop_ms))
    wave = torch.from_numpy(sound) - float(sound.mean())
    wave = torch.cat([wave[:1], wave[1:] - captions.pre_emphasis * wave[:-1]])
    power = _mel(captions.bands, window, hop, captions.low_hz)(wave).T
    decibels = 10 * torch.log10(power.clamp(min=1e-10) / power.max().clamp(min=1e-10))
    scaled = (decibels / captions.range_db + 1).clamp(0, 1)
    return scaled[: captions.max_frames].to(torch.float16).numpy()
