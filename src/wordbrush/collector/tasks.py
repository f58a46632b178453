"""Which pictures a speaker is given, four at a time, and when a task is done."""

import time
from dataclasses import dataclass
from typing import Any

from wordbrush.collector.speakers import Speaker, Unasked, receipt, receipts, unlink
from wordbrush.collector.store import Store

SIZE = 4  # pictures of a task
MOST_AGAIN = 8  # receipts of a speaker beyond the number of his or her submissions, at least
KEPT_SECONDS = 3 * 86400  # that pictures are held for somebody who does not submit


@dataclass(frozen=True)
class Quotas:
    """How often a picture is described, and how many a speaker describes, at most."""

    a_picture: int
    a_speaker: int


def task(store: Store, speaker: Speaker) -> list[dict[str, Any]]:
    """The pictures that a speaker has to describe now, with what is recorded of each."""
    rows = store.database.execute(
        "SELECT item.picture, json_extract(facts, '$.seconds') FROM item "
        "LEFT JOIN recording USING (speaker, picture) "
        "WHERE item.speaker = ? AND given IS NOT NULL ORDER BY given, item.picture",
        (speaker.number,),
    )
    return [{"picture": picture, "seconds": seconds} for picture, seconds in rows]


def submitted(store: Store, speaker: Speaker) -> int:
    """How many pictures a speaker has described."""
    (count,) = store.database.execute(
        "SELECT count(*) FROM item WHERE speaker = ? AND given IS NULL", (speaker.number,)
    ).fetchone()
    return count


def give(store: Store, speaker: Speaker, quotas: Quotas) -> None:
    """Give a speaker the next pictures, those with the fewest descriptions first, unless some are
    to be described already. At an end of pictures or quotas there are fewer, or none."""
    if task(store, speaker):
        return
    count = min(SIZE, quotas.a_speaker - submitted(store, speaker))
    with store.database as database:
        database.execute(
            "INSERT INTO item SELECT ?, sha256, ? FROM ("
            " SELECT sha256, (SELECT count(*) FROM item WHERE picture = sha256) AS times"
            " FROM picture WHERE shown AND times < ? AND NOT EXISTS ("
            "  SELECT 1 FROM item WHERE picture = sha256 AND speaker = ?)"
            " ORDER BY times, random() LIMIT ?)",
            (speaker.number, time.time(), quotas.a_picture, speaker.number, max(count, 0)),
        )


def submit(store: Store, speaker: Speaker) -> str:
    """End the task: a receipt. Asked again, as by a page that did not hear it, it gives another.

    Raises Unasked where a recording is missing, or nothing was ever recorded.
    """
    waiting = task(store, speaker)
    missing = [one for one in waiting if one["seconds"] is None]
    if missing:
        raise Unasked(f"{len(missing)} of {len(waiting)} pictures lack an accepted recording")
    if not waiting:
        return receipt_again(store, speaker)
    with store.database as database:
        database.execute("UPDATE item SET given = NULL WHERE speaker = ?", (speaker.number,))
    return receipt(store, speaker)


def receipt_again(store: Store, speaker: Speaker) -> str:
    """Another receipt. Those before stay valid, so there is a limit.

    Raises Unasked where nothing was submitted, or as many as there may be were given.
    """
    described = submitted(store, speaker)
    if not described:
        raise Unasked("nothing was submitted yet, so there is nothing to delete by a receipt")
    if receipts(store, speaker) >= described + MOST_AGAIN:
        raise Unasked(
            "you were given as many receipts as there may be, and each deletes all of your "
            "recordings: use one of them, or ask the person who invited you"
        )
    return receipt(store, speaker)


def expire(store: Store, now: float) -> None:
    """Give up tasks that were not submitted in time, and delete their recordings."""
    old = (now - KEPT_SECONDS,)
    rows = store.database.execute(
        "SELECT id FROM recording JOIN item USING (speaker, picture) WHERE given < ?", old
    ).fetchall()
    with store.database as database:
        database.execute("DELETE FROM item WHERE given < ?", old)
    unlink(store, [name for (name,) in rows])
