"""Miniatures of the data sets that people have, in their true forms."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

SECONDS = 0.5


def tone(number: int, seconds: float = SECONDS, rate: int = 16000) -> np.ndarray:
    """A tone of its own for each number: float [S]."""
    at = np.arange(round(seconds * rate)) / rate
    return 0.4 * np.sin(2 * np.pi * (200 + 20 * number) * at)


def sound(path: Path, number: int, rate: int = 16000, seconds: float = SECONDS, **how: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(number, seconds, rate), rate, **how)
    return path


def picture(path: Path, number: int, size: tuple[int, int] = (24, 16)) -> Path:
    """Noise of its own for each number, of this width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(number)
    Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).save(path)
    return path


def table(path: Path, rows: Sequence[dict], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, rows[0], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def written(path: Path, value: object, **how: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, **how), encoding="utf-8")
    return path


def plain_folder(folder: Path, pictures: int = 3, captions: int = 2) -> list[dict]:
    """pictures/, speech/ and captions.csv. Returns the rows."""
    rows = []
    for number in range(pictures):
        picture(folder / f"pictures/p{number}.png", number)
        for caption in range(captions):
            at = number * captions + caption
            sound(folder / f"speech/p{number} {caption}.wav", at)
            rows.append(
                {
                    "id": f"u{at}",
                    "picture": f"p{number}.png",
                    "speech": f"p{number} {caption}.wav",
                    "speaker": f"s{caption}",
                    "language": "xh",
                    "text": f"text {at}, “isiXhosa”",
                }
            )
    table(folder / "captions.csv", rows)
    return rows


def places(folder: Path) -> None:
    """The distribution of 400k, with lists of 2020, and an aligned list."""
    for number, (name, aligned) in enumerate(
        {"train_2020": False, "dev_seen_2020": False, "test_unseen_2020": True}.items()
    ):
        rows = []
        for each in range(2):
            at = 2 * number + each
            wav, image = f"wavs/4/utterance_{at}.wav", f"n/nursery/gsun_{at}.png"
            sound(folder / wav, at)
            picture(folder / "images" / image, at)
            row = {
                "uttid": f"A{each}-utterance_{at}",
                "speaker": f"A{each}",
                "asr_text": f"a nursery {at}",
                "wav": wav,
                "image": image,
            }
            aligned_text = {"text_alignment": "0.0__a__0.1 0.10__nursery__0.4"}
            rows.append(row | (aligned_text if aligned else {}))
        bases = {"image_base_path": "../images", "audio_base_path": "/data/sls/PlacesAudio"}
        written(folder / f"metadata/{name}.json", bases | {"data": rows}, indent=2)


def spoken_coco(folder: Path) -> None:
    for split, first in {"train": 0, "val": 2}.items():
        entries = []
        for at in (first, first + 1):
            image = f"{split}2014/COCO_{split}2014_{at:012d}.png"
            picture(folder / image, at)
            captions = []
            for each in range(5):
                wav = f"wavs/{split}/{at}/m{each}-{at}.wav"
                sound(folder / wav, 5 * at + each)
                captions.append(
                    {
                        "text": f"TEXT {at} {each}",
                        "speaker": f"m{each}",
                        "uttid": f"m{each}-{at}",
                        "wav": wav,
                    }
                )
            entries.append({"image": image, "captions": captions})
        written(folder / f"SpokenCOCO_{split}.json", {"data": entries})


def karpathy(folder: Path) -> None:
    images = []
    for at, split in enumerate(("train", "restval", "val", "test")):
        picture(folder / f"val2014/{at}.png", at)
        sentences = []
        for each in range(2):
            wav = sound(folder / f"wavs/{at}_{each}.wav", 2 * at + each)
            sentences.append(
                {
                    "tokens": ["a", "dog"],
                    "raw": f"A dog {at}.",
                    "imgid": at,
                    "sentid": 10 * at + each,
                    "wav": str(wav.relative_to(folder)),
                    "speaker": each,
                }
            )
        images.append(
            {
                "filepath": "val2014",
                "sentids": [one["sentid"] for one in sentences],
                "filename": f"{at}.png",
                "imgid": at,
                "split": split,
                "sentences": sentences,
                "cocoid": at,
            }
        )
    written(folder / "dataset_coco.json", {"images": images, "dataset": "coco"})


def flickr8k(folder: Path) -> None:
    captions, speakers, tokens = [], [], []
    for at, split in enumerate(("train", "dev", "test")):
        name = f"10{at}_ab"
        picture(folder / f"Flicker8k_Dataset/{name}.png", at)
        lists = folder / "Flickr8k_text"
        lists.mkdir(exist_ok=True)
        (lists / f"Flickr_8k.{split}Images.txt").write_text(f"{name}.png\n")
        for each in range(2):
            sound(folder / f"flickr_audio/wavs/{name}_{each}.wav", 2 * at + each)
            captions.append(f"{name}_{each}.wav {name}.png #{each}\n")
            speakers.append(f"{name}_{each}.wav {each + 7}\n")
            tokens.append(f"{name}.png#{each}\tA dog , number {at} .\n")
    (folder / "flickr_audio/wav2capt.txt").write_text("".join(captions))
    (folder / "flickr_audio/wav2spk.txt").write_text("".join(speakers))
    (folder / "Flickr8k_text/Flickr8k.token.txt").write_text("".join(tokens))


def tux_paint(folder: Path) -> None:
    stamps = folder / "usr/share/tuxpaint/stamps/food"
    picture(stamps / "apple.png", 0)
    (stamps / "apple.txt").write_text("A red apple.\nfr.utf8=Une pomme rouge.\nru.utf8=Яблоко.\n")
    picture(stamps / "bread.png", 9)
    (stamps / "bread.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="40pt" height="30pt">'
        '<rect width="20pt" height="30pt" fill="#00f"/></svg>'
    )
    for number, name in enumerate(
        ("apple_desc", "apple_desc_fr", "bread_desc_fr", "bread_desc_pt_BR", "apple", "lost_desc")
    ):
        sound(stamps / f"{name}.ogg", number, 44100)
