"""Networks that turn IPA into sound, as ONNX: sessions that also give durations of symbols."""

import json
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from wordbrush.captions.engines.interface import PAUSE
from wordbrush.captions.engines.wheels import Part, checked
from wordbrush.errors import WordbrushError, optional_packages

with optional_packages():
    import onnxruntime

MODEL_GRAPH, GRAPH_OUTPUT, VALUE_NAME = 7, 12, 1  # onnx.proto: numbers of these fields


class Network:
    """A network in ONNX, on one thread, so that its bytes are the same on every machine's cores."""

    def __init__(self, model: bytes, durations: str, origin: str) -> None:
        """durations: the name of the value in the network that has them, which becomes an output.

        Raises WordbrushError, which names `origin`, where it is not such a network.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(
                with_output(model, durations), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own classes have no common base but this one
            reason = str(error).splitlines()[0]
            raise WordbrushError(f"{origin} does not load ({reason}): install it again.") from None

    def run(self, **inputs: np.ndarray) -> list[np.ndarray]:
        """All outputs; the last has the durations."""
        return self.session.run(None, inputs)


def with_output(model: bytes, name: str) -> bytes:
    """A serialised ONNX model with one more output: messages of protobuf merge when joined."""
    value = _field(VALUE_NAME, name.encode())
    return model + _field(MODEL_GRAPH, _field(GRAPH_OUTPUT, value))


def _field(number: int, payload: bytes) -> bytes:
    """A field with a length, which is less than 128 bytes."""
    return bytes([number << 3 | 2, len(payload)]) + payload


def symbols(
    words: Sequence[tuple[list[str], str]], known: dict[str, list[int]], end: str = "."
) -> tuple[list[int], list[tuple[list[str], int, int]]]:
    """The numbers of the symbols of a sentence, and of which to which each of its words reaches.

    words: as `ipa_words` gives them. known: the numbers of each symbol; others are left out.
    A space stands between words, a comma where the text has one, and the sentence has an end.
    """
    numbers: list[int] = []
    spans = []
    for index, (texts, ipa) in enumerate(words):
        if index:
            numbers += known[" "]
        first = len(numbers)
        for symbol in ipa:
            numbers += known.get(symbol, [])
        spans.append((texts, first, len(numbers)))
        if texts[-1].endswith(PAUSE):
            numbers += known.get(PAUSE, [])
    return numbers + known.get(end, []), spans


def timed_words(
    spans: Sequence[tuple[list[str], int, int]],
    durations: np.ndarray,
    seconds: float,
    shift: int,
    late: float = 0.0,
) -> list[dict]:
    """Words with start and end in seconds.

    A word begins and ends in the middle of the space before and after it, as in Kokoro's own
    `join_timestamps`. Words that are spoken as one share its time by their letters.

    durations: of all symbols, of `seconds` each, with `shift` symbols before the first word. late:
    seconds by which the durations lag behind the sound.
    """
    times = np.concatenate([[0.0], np.cumsum(durations)]) * seconds - late
    firsts = [times[first + shift] for _, first, _ in spans]
    stops = [times[stop + shift] for _, _, stop in spans]
    middles = [(stop + first) / 2 for stop, first in zip(stops, firsts[1:], strict=False)]
    words = []
    for (texts, _, _), start, end in zip(
        spans, [firsts[0], *middles], [*middles, stops[-1]], strict=True
    ):
        shares = np.cumsum([0, *map(len, texts)]) / sum(map(len, texts))
        for index, text in enumerate(texts):
            begin, finish = start + shares[index : index + 2] * (end - start)
            words.append({"word": text, "start": float(begin), "end": float(finish)})
    return words


def installed_version(*packages: str) -> str:
    """Of packages, and of what runs the network."""
    return ", ".join(f"{name} {version(name)}" for name in (*packages, "onnxruntime"))


def read_vocabulary(file: Part, *keys: str) -> dict:
    """A part of a JSON file of a wheel. Raises WordbrushError where it is missing or altered."""
    value = json.loads(checked(file))
    for key in keys:
        value = value[key]
    return value
