"""When words are said, by laying speech over other speech of the same text.

Dynamic time warping of log-mel frames: both voices say the same sounds in the same order, so the
path that costs least tells when the second voice says what the first says at a known time.
"""

from functools import cache

import numpy as np
import torch
import torchaudio

from wordbrush.audio.sound import SAMPLE_RATE

HOP = 160  # samples: frames of 10 ms
WINDOW = 400  # 25 ms
BANDS, COEFFICIENTS = 40, 13
FLOOR = 1e-6  # power below the loudest, which counts as silence


def carried_over(
    words: list[dict], known: np.ndarray, speech: np.ndarray
) -> tuple[list[dict], float]:
    """Words with start and end in `speech`, from their times in `known`; and how well they fit.

    Both sounds are float32 [S] at 16 kHz. The fit is the mean distance of frames on the path: less
    is better.
    """
    first, second = features(known), features(speech)
    path, cost = warping(first, second)
    seconds = HOP / SAMPLE_RATE
    length = len(speech) / SAMPLE_RATE

    def moved(time: float) -> float:
        row = min(round(time / seconds), len(first) - 1)
        return min(float(path[path[:, 0] == row, 1].mean()) * seconds, length)

    moved_words = []
    for number, word in enumerate(words):
        start = moved(word["start"])
        end = length if number == len(words) - 1 else moved(word["end"])
        moved_words.append({"word": word["word"], "start": start, "end": max(start, end)})
    return moved_words, cost


def features(sound: np.ndarray) -> np.ndarray:
    """Cepstra with their slopes, of mean 0 and variance 1 over the utterance: float32 [T, 26].

    A voice's own spectrum, its channel and its loudness are largely gone from them.
    """
    power = _mel()(torch.from_numpy(np.ascontiguousarray(sound))).T
    decibels = 10 * torch.log10(power / power.max().clamp(min=1e-10) + FLOOR)
    cepstra = (decibels @ _cosines()).numpy()
    slopes = np.gradient(cepstra, axis=0) if len(cepstra) > 1 else np.zeros_like(cepstra)
    both = np.concatenate([cepstra, 2 * slopes], 1)
    return ((both - both.mean(0)) / (both.std(0) + 1e-3)).astype(np.float32)


@cache
def _mel() -> torchaudio.transforms.MelSpectrogram:
    return torchaudio.transforms.MelSpectrogram(
        SAMPLE_RATE, n_fft=512, win_length=WINDOW, hop_length=HOP, n_mels=BANDS, f_max=8000.0
    )


@cache
def _cosines() -> torch.Tensor:
    return torchaudio.functional.create_dct(COEFFICIENTS, BANDS, "ortho")


def warping(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, float]:
    """The path [L, 2] of frames of both that costs least, and its mean distance.

    first, second: [T, F] and [U, F]. Steps go one frame on in either or both.
    """
    distances = np.sqrt(
        np.maximum((first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T, 0)
    )
    rows, columns = distances.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0
    for diagonal in range(rows + columns - 1):  # cells of a diagonal do not depend on each other
        row = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        column = diagonal - row
        before = np.minimum(
            np.minimum(total[row, column + 1], total[row + 1, column]), total[row, column]
        )
        total[row + 1, column + 1] = distances[row, column] + before
    path = [(rows - 1, columns - 1)]
    while path[-1] != (0, 0):
        row, column = path[-1]
        steps = (
            (total[row, column], row - 1, column - 1),
            (total[row, column + 1], row - 1, column),
            (total[row + 1, column], row, column - 1),
        )
        path.append(min(steps)[1:])
    return np.array(path[::-1]), float(total[rows, columns] / len(path))
