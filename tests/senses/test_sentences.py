"""Words and their numbers."""

import numpy as np

from wordbrush.senses.sentences import UNKNOWN, known_words, numbered, words_of


def test_words_have_no_marks_and_no_capitals():
    assert words_of("I see a Red ball, and it.") == ["i", "see", "a", "red", "ball", "and", "it"]
    assert words_of("एक लाल घन है।") == ["एक", "लाल", "घन", "है"]


def test_sentences_are_numbers_of_known_words_with_padding_behind():
    words = known_words(["a red cube", "a ball"])
    assert words == ["a", "ball", "cube", "red"]
    found = numbered(["a red ball", "a violet", ""], words)
    assert found.dtype == np.int64
    assert found.tolist() == [[2, 5, 3], [2, UNKNOWN, 0], [UNKNOWN, 0, 0]]
