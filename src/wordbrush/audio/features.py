"""Log-mel features of speech, by torchaudio. Silence is 0."""

import warnings
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
import torchaudio

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.sound import SAMPLE_RATE, encode
from wordbrush.errors import WordbrushError

FLOOR = 1e-10  # power that counts as none


def with_silence(sound: np.ndarray, features: FeatureConfig) -> np.ndarray:
    """A sound float32 [S] with the silence before and after it that captions have."""
    silence = np.zeros(round(SAMPLE_RATE * features.silence_ms / 1000), np.float32)
    return np.concatenate([silence, sound, silence])


def kept(
    sound: np.ndarray, words: Iterable[Mapping[str, Any]], features: FeatureConfig
) -> tuple[bytes, list[dict], np.ndarray]:
    """What is kept of an utterance: FLAC with silence before and after the sound [S], its words
    timed in that, in seconds, and features float16 [T, bands]."""
    whole, shift = with_silence(sound, features), features.silence_ms / 1000
    timed = [
        {
            "word": word["word"],
            "start": round(word["start"] + shift, 3),
            "end": round(word["end"] + shift, 3),
        }
        for word in words
    ]
    return encode(whole), timed, log_mel(whole, features)


def log_mel(sound: np.ndarray, features: FeatureConfig) -> np.ndarray:
    """Features float16 [T, bands] in 0..1 of a 16 kHz sound [S].

    1 is a reference, 0 is `range_db` or more below it; all of silence is 0. As in D: the mean is
    removed, then pre-emphasis, a Hamming window, and power in decibels. D pads with its loudest
    value, and we with silence. The reference is the maximum of the utterance (D), or full scale
    where `normalisation` is `running`. There the mean stays too: so each frame depends on its own
    window of sound alone, and frames can be computed while somebody speaks.
    """
    sound = sound if len(sound) else np.zeros(1, np.float32)  # nothing is a frame of silence
    relative = features.normalisation == "utterance"
    wave = torch.from_numpy(sound) - (float(sound.mean()) if relative else 0.0)
    power = mel_power(wave, features)
    if power.max() <= FLOOR:
        return np.zeros((min(len(power), features.max_frames), features.bands), np.float16)
    reference = power.max() if relative else full_scale(features)
    decibels = 10 * torch.log10(power.clamp(min=FLOOR) / reference)
    scaled = (decibels / features.range_db + 1).clamp(0, 1)
    return scaled[: features.max_frames].to(torch.float16).numpy()


def mel_power(wave: torch.Tensor, features: FeatureConfig) -> torch.Tensor:
    """The power in each mel band of a 16 kHz sound [S], after pre-emphasis: [T, bands]."""
    window, hop = (_samples(ms) for ms in (features.window_ms, features.hop_ms))
    wave = torch.cat([wave[:1], wave[1:] - features.pre_emphasis * wave[:-1]])
    return _mel_spectrogram(features.bands, window, hop, features.low_hz)(wave).T


def full_scale(features: FeatureConfig) -> float:
    """The power of a sine from -1 to 1 at its own frequency, without pre-emphasis."""
    window = torch.hamming_window(_samples(features.window_ms), dtype=torch.float64)
    return float(window.sum() / 2) ** 2


def band_centres(features: FeatureConfig) -> torch.Tensor:
    """The frequency of the peak of each mel band of `log_mel`, in Hz: [bands]."""
    low, high = (hz_to_mel(torch.tensor(hz)) for hz in (features.low_hz, SAMPLE_RATE / 2))
    edges = torch.linspace(0, 1, features.bands + 2) * (high - low) + low
    return mel_to_hz(edges[1:-1])


def hz_to_mel(hz: torch.Tensor) -> torch.Tensor:
    """The mel scale of torchaudio's filters, which is HTK's."""
    return 2595 * torch.log10(1 + hz / 700)


def mel_to_hz(mel: torch.Tensor) -> torch.Tensor:
    """The reverse of `hz_to_mel`."""
    return 700 * (10 ** (mel / 2595) - 1)


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
    frequencies = _transform_size(_samples(window_ms)) // 2 + 1
    high_hz = float(SAMPLE_RATE // 2)
    with warnings.catch_warnings():  # that a band is empty, which the caller finds
        warnings.simplefilter("ignore")
        return torchaudio.functional.melscale_fbanks(
            frequencies, low_hz, high_hz, bands, SAMPLE_RATE
        )


def _samples(milliseconds: float) -> int:
    return round(SAMPLE_RATE * milliseconds / 1000)


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
