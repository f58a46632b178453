"""Log-mel features of speech, by torchaudio. Silence is 0."""

import warnings
from functools import cache

import numpy as np
import torch
import torchaudio

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.errors import WordbrushError

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


def require_full_bands(features: FeatureConfig) -> None:
    """Raises WordbrushError where a band would be empty in every sound, with what would do.

    The lowest bands are the narrowest. One that lies between two frequencies of the transform hears
    none of them.
    """

    def empty(bands: int) -> int:
        return int((filterbank(bands, features.window_ms, features.low_hz) == 0).all(0).sum())

    if not (count := empty(features.bands)):
        return
    most = next((fewer for fewer in range(features.bands - 1, 0, -1) if not empty(fewer)), None)
    advice = "" if most is None else f"set bands to {most}, or "
    raise WordbrushError(
        f"{count} of {features.bands} bands would be empty in every sound, since no frequency of a "
        f"window of {features.window_ms:g} ms from {features.low_hz:g} Hz on falls into them: "
        f"{advice}raise window_ms or change low_hz."
    )


def filterbank(bands: int, window_ms: float, low_hz: float) -> torch.Tensor:
    """The weight of each frequency of the transform in each mel band of `log_mel`: [F, bands]."""
    frequencies = _transform_size(round(SAMPLE_RATE * window_ms / 1000)) // 2 + 1
    high_hz = float(SAMPLE_RATE // 2)
    with warnings.catch_warnings():  # that a band is empty, which the caller finds
        warnings.simplefilter("ignore")
        return torchaudio.functional.melscale_fbanks(
            frequencies, low_hz, high_hz, bands, SAMPLE_RATE
        )


def _transform_size(window: int) -> int:
    """The next power of two of a window's samples."""
    return 1 << (window - 1).bit_length()


@cache
def _mel_spectrogram(
    bands: int, window: int, hop: int, low_hz: float
) -> torchaudio.transforms.MelSpectrogram:
    """Window and hop in samples; the transform is of the next power of two."""
    return torchaudio.transforms.MelSpectrogram(
        SAMPLE_RATE,
        n_fft=_transform_size(window),
        win_length=window,
        hop_length=hop,
        f_min=low_hz,
        n_mels=bands,
        window_fn=torch.hamming_window,
        power=2.0,
        center=True,
        pad_mode="constant",
    )
