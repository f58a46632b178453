"""What was submitted, as a plain folder that `wordbrush data` imports (docs/recordings.md)."""

import csv
import json
import shutil
from pathlib import Path

from wordbrush.collector.store import Store, existing
from wordbrush.errors import WordbrushError
from wordbrush.storage.files import require_new, whole_directory

LIST = "captions.csv"
CONSENT = "consent"  # the folder of the texts that were agreed to, by version
HEADER = ("id", "picture", "speech", "speaker", "language", "seconds", "consent", "consented")


def export_store(folder: Path, target: Path) -> int:
    """As `export`, of the store in a folder; its server may run meanwhile."""
    with existing(folder) as store:
        return export(store, target)


def export(store: Store, target: Path) -> int:
    """Write every submitted recording, its picture and the texts of consent; how many.

    Raises WordbrushError where nothing was submitted, or the target is there already.
    """
    require_new(target)
    rows = store.database.execute(
        "SELECT recording.id, file, name, recording.language, facts, recording.consent, "
        "recording.consented FROM recording JOIN item USING (speaker, picture) "
        "JOIN picture ON picture.sha256 = item.picture JOIN speaker ON number = item.speaker "
        "WHERE given IS NULL ORDER BY recording.id"
    ).fetchall()
    if not rows:
        raise WordbrushError(f"{store.folder} holds nothing that was submitted: wait, or invite.")
    written = 0
    with whole_directory(target) as scratch:
        for folder in ("pictures", "speech", CONSENT):
            (scratch / folder).mkdir()
        with (scratch / LIST).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(HEADER)
            for name, picture, speaker, language, facts, consent, consented in rows:
                if not _copied(store, name, scratch / f"speech/{name}.flac"):
                    continue
                shutil.copyfile(store.picture(picture), scratch / f"pictures/{picture}")
                seconds = json.loads(facts)["seconds"]
                writer.writerow(
                    (name, picture, f"{name}.flac", speaker, language, seconds, consent, consented)
                )
                written += 1
        for version, text in store.database.execute("SELECT version, text FROM consent"):
            (scratch / CONSENT / f"{version}.txt").write_text(text, encoding="utf-8")
    return written


def _copied(store: Store, name: str, target: Path) -> bool:
    """False: its speaker deleted it meanwhile."""
    try:
        shutil.copyfile(store.recording(name), target)
    except FileNotFoundError:
        if store.database.execute("SELECT 1 FROM recording WHERE id = ?", (name,)).fetchone():
            raise
        return False
    return True
