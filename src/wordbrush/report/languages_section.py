"""The Rosetta stone: words of several languages side by side, as a model translates them."""

from collections.abc import Iterable
from typing import Any

from wordbrush.audio.sound import SAMPLE_RATE, decode, encode
from wordbrush.captions.language import language_of
from wordbrush.data.language_names import language_name
from wordbrush.data.recordings import each_row
from wordbrush.evaluation.languages import same_in_all
from wordbrush.evaluation.results import LanguageTables, Measured, Results
from wordbrush.report import figures
from wordbrush.report.results_section import Cell, Rows, cell
from wordbrush.storage.files import read_json
from wordbrush.storage.layout import Layout

MARGIN = 0.03  # seconds before and behind a word that is cut out of a caption
Word = tuple[str, str]
"""A language, and a word as it is said alone."""


def language_content(layout: Layout, results: Results, best: str) -> dict[str, Any] | None:
    """What the page shows of a method; None where there is one language.

    names: of the languages, by their codes. translations: a row for each pair. lexicon: for each
    pair, the words with their translations and the sound of both. clusters: those that mean the
    same in all languages, and how many there are.
    """
    path = layout.evaluation / "languages.json"
    scores = results[best].get("languages")
    if scores is None or not path.is_file():
        return None
    table = read_json(path, dict[str, LanguageTables])[best]
    pairs = {name: tuple(name.split(" to ")) for name in table["lexicon"]}
    wanted = {
        word
        for name, (one, other) in pairs.items()
        for row in table["lexicon"][name]
        for word in ((one, row["word"]), (other, row["translation"]))
    }
    sounds = word_sounds(layout, wanted)
    lexicon = {
        pairs[name]: [
            {
                **row,
                "sound": sounds.get((pairs[name][0], row["word"])),
                "translated": sounds.get((pairs[name][1], row["translation"])),
            }
            for row in rows
        ]
        for name, rows in table["lexicon"].items()
    }
    same = [row for row in table["clusters"] if same_in_all(row, list(row))]
    return {
        "names": {code: language_name(code) for code in scores["speech"]},
        "translations": translations_section(results, best),
        "speech": scores["speech"],
        "lexicon": lexicon,
        "clusters": same,
        "cluster_count": len(table["clusters"]),
        "agreement": scores.get("clusters"),
    }


def translations_section(results: Results, best: str) -> Rows:
    """Of a method, a row for each pair of languages; none where there is one language."""
    table = Rows(["R@1", "R@10", "median rank", "captions", "words"])
    scores = results[best].get("languages")
    for name, one in (scores["translations"] if scores else {}).items():
        recall, chance = one["captions"]["recall"], one["captions"]["chance"]
        first, tenth = (
            Cell(f"{recall[k]['value']:.1f}", interval_of(recall[k]), f"chance {chance[k]:.1f}")
            for k in ("1", "10")
        )
        words = measured_cell(one["words"]) if "words" in one else Cell()
        rank, count = one["captions"]["median_rank"], one["captions"]["candidates"]
        title = " to ".join(map(language_name, name.split(" to ")))
        table.rows.append((title, [first, tenth, cell(rank), Cell(str(count)), words], False))
    return table


def interval_of(one: Any) -> str:
    return f"[{one['low']:.1f}, {one['high']:.1f}]"


def measured_cell(one: Measured) -> Cell:
    return Cell(f"{one['value']:.1f}", interval_of(one), f"chance {one['chance']:.1f}")


def word_sounds(layout: Layout, wanted: Iterable[Word]) -> dict[Word, str]:
    """Each of these words as it is said in a caption, as a data URI; what no caption says with its
    time is left out."""
    alone = {
        (language, form.casefold()): (language, word_alone)
        for language, word_alone in wanted
        for form in forms_of(language, word_alone)
    }
    found: dict[Word, tuple[int, float, float]] = {}
    for row in each_row(layout.speech, ["sample", "language", "words"]):
        for said in row["words"] or []:
            word = alone.get((row["language"], said["word"].casefold()))
            if word is not None and word not in found:
                found[word] = row["sample"], said["start"], said["end"]
    samples = {sample for sample, _, _ in found.values()}
    files = {
        row["sample"]: row["audio"]["bytes"]
        for row in each_row(layout.speech, ["sample", "audio"])
        if row["sample"] in samples
    }
    sounds = {}
    for word, (sample, start, end) in found.items():
        wave = decode(files[sample], f"the sound of sample {sample}")
        first, last = (round(SAMPLE_RATE * at) for at in (max(0.0, start - MARGIN), end + MARGIN))
        sounds[word] = figures.flac(encode(wave[first:last]))
    return sounds


def forms_of(language: str, word: str) -> list[str]:
    """By which words of captions a word that is said alone is heard."""
    grammar = language_of(language)
    return [
        form
        for words in grammar.words.values()
        for one in words
        if grammar.alone(one) == word
        for form in grammar.heard(one)
    ]
