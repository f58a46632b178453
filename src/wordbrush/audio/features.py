"""Log-mel features of speech, by torchaudio. Silence is 0."""

from functools import cache

import numpy as np
import torch
import torchaudio

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.sound import SAMPLE_RATE

FLOOR = 1e-10  # power that counts as none


def with_silence(sound: np.ndarray, features: FeatureConfig) -> np.ndarray:
    """A sound float32 [S] with the silence before and after it that captions have."""
    silence = np.zeros(round(SAMPLE_RATE * features.silence_ms / 1000), np.float32)
    return np.concatenate([silence, sound, silence])


def log_mel(sound: np.ndarray, features: FeatureConfig) -> np.ndarray:
    """Features float16 [T, bands] in 0..1 of a 16 kHz sound [S].

    1 is the maximum of the utterance, 0 is `range_db` or more below it; all of silence is 0. As in
    D: the mean is removed, then pre-emphasis, a Hamming window, and power in decibels relative to
    the maximum. D pads with its loudest value, and we with silence.
    """
    window, hop = (round(SAMPLE_RATE * ms / 1000) for ms in (features.window_ms, features.hop_ms))
    sound = sound if len(sound) else np.zeros(1, np.float32)  # nothing is a frame of silence
    wave = torch.from_numpy(sound) - float(sound.mean())
    wave = torch.cat([wave[:1], wave[1:] - features.pre_emphasis * wave[:-1]])
    power = _mel_spectrogram(features.bands, window, hop, features.low_hz)(wave).T
    if power.max() <= FLOOR:
        return np.zeros((min(len(power), features.max_frames), features.bands), np.float16)
    decibels = 10 * torch.log10(power.clamp(min=FLOOR) / power.max())
    scaled = (decibels / features.range_db + 1).clamp(0, 1)
    return scaled[: features.max_frames].to(torch.float16).numpy()


@cache
def _mel_spectrogram(
    bands: int, window: int, hop: int, low_hz: float
) -> torchaudio.transforms.MelSpectrogram:
    """Window and hop in samples; the transform is of the next power of two."""
    return torchaudio.transforms.MelSpectrogram(
        SAMPLE_RATE,
        n_fft=1 << (window - 1).bit_length(),
        win_length=window,
        hop_length=hop,
        f_min=low_hz,
        n_mels=bands,
        window_fn=torch.hamming_window,
        power=2.0,
        center=True,
        pad_mode="constant",
    )
