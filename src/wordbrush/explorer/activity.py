"""Whether somebody speaks: where utterances begin and end in a stream of sound."""

from collections import deque

import numpy as np

from wordbrush.audio.sound import SAMPLE_RATE

FRAME = SAMPLE_RATE // 100
LEAST_DB = -55.0  # of full scale: quieter is no speech into a microphone
ABOVE_NOISE_DB = 10.0
NOISIEST_DB = -35.0  # what is louder counts as speech, though nothing quieter came before
NOISE_FRAMES, NOISE = 300, 10  # the noise is the 10th percentile of the last 3 s
BEGIN_FRAMES = 3  # in a row: what is shorter is a click
PAUSE_FRAMES = 90  # 0.9 s without speech end an utterance; pauses within sentences are shorter


class Activity:
    """Levels of frames of 10 ms against those of the quietest frames of the last seconds.

    speaking: whether an utterance is going on. level: of the last frame, in dB of full scale.
    elapsed: samples since the utterance began, by its first loud frame.
    """

    def __init__(self) -> None:
        self.recent: deque[float] = deque(maxlen=NOISE_FRAMES)
        self.rest = np.zeros(0, np.float32)
        self.speaking, self.level = False, -100.0
        self.loud = self.quiet = self.frames = 0

    def push(self, sound: np.ndarray) -> bool:
        """The next samples float32 [S]; whether an utterance is going on after them."""
        whole = np.concatenate([self.rest, sound])
        count = len(whole) // FRAME
        self.rest = whole[count * FRAME :]
        power = (whole[: count * FRAME].reshape(count, FRAME) ** 2).mean(1)
        for level in (10 * np.log10(np.maximum(power, 1e-10))).tolist():
            self._frame(level)
        return self.speaking

    @property
    def elapsed(self) -> int:
        return self.frames * FRAME + len(self.rest)

    def _frame(self, level: float) -> None:
        self.level = level
        self.recent.append(level)
        noise = min(float(np.percentile(np.array(self.recent), NOISE)), NOISIEST_DB)
        active = level > max(LEAST_DB, noise + ABOVE_NOISE_DB)
        self.loud = self.loud + 1 if active else 0
        self.quiet = 0 if active else self.quiet + 1
        self.frames = self.frames + 1 if self.speaking else self.loud
        if self.loud >= BEGIN_FRAMES:
            self.speaking = True
        elif self.quiet >= PAUSE_FRAMES:
            self.speaking = False
