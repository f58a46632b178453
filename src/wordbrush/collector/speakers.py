"""Who takes part: links, consent, receipts, and what their owner sees of it."""

import hashlib
import hmac
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from wordbrush.collector.consent import Consent
from wordbrush.collector.store import PARTS, Store
from wordbrush.errors import WordbrushError

MOST_LINKS = 10_000
OWNER = "owner"  # the setting that holds the owner's token


@dataclass(frozen=True)
class Speaker:
    """number: of the link. name: random. consent: the version agreed to; None: none yet."""

    number: int
    name: str
    consent: str | None
    language: str | None


class Unasked(Exception):
    """What cannot be done now, in one sentence for the page."""


class Failing(Unasked):
    """The disk or the database fails: the log says why, the page only whom to tell."""

    def __init__(self, fault: Exception):
        super().__init__("this server cannot keep anything now: tell the person who invited you")
        logging.getLogger(__name__).error("the store fails: %s", fault)


def owner_token(store: Store) -> str:
    """Made when it is first asked for."""
    with store.database as database:
        database.execute(
            "INSERT OR IGNORE INTO setting VALUES (?, ?)", (OWNER, secrets.token_urlsafe(24))
        )
    (token,) = database.execute("SELECT value FROM setting WHERE name = ?", (OWNER,)).fetchone()
    return token


def is_owner(store: Store, token: str) -> bool:
    return hmac.compare_digest(owner_token(store).encode(), token.encode(errors="replace"))


def invite(store: Store, count: int) -> None:
    """Make links. Raises Unasked for more than there may be."""
    with store.database as database:
        (there,) = database.execute("SELECT count(*) FROM speaker").fetchone()
        if there + count > MOST_LINKS:
            raise Unasked(f"there may be {MOST_LINKS:,} links, and {there:,} are there")
        database.executemany(
            "INSERT INTO speaker (token, name) VALUES (?, ?)",
            [(secrets.token_urlsafe(16), secrets.token_hex(8)) for _ in range(count)],
        )


def speaker_of(store: Store, token: str) -> Speaker | None:
    """Whose link has this token; None: nobody's."""
    if not token.isascii():  # a cookie may hold bytes that the database does not take
        return None
    row = store.database.execute(
        "SELECT number, name, consent, language FROM speaker WHERE token = ?", (token,)
    ).fetchone()
    return Speaker(*row) if row else None


def speaker_numbered(store: Store, number: int) -> Speaker | None:
    """None: the link was closed, or the speaker deleted."""
    row = store.database.execute(
        "SELECT number, name, consent, language FROM speaker "
        "WHERE number = ? AND token IS NOT NULL",
        (number,),
    ).fetchone()
    return Speaker(*row) if row else None


def keep_consent(store: Store, consent: Consent) -> None:
    """Keep the text of this version for good.

    Raises WordbrushError where another text has this version already.
    """
    with store.database as database:
        database.execute(
            "INSERT OR IGNORE INTO consent VALUES (?, ?)", (consent.version, consent.whole)
        )
    (text,) = database.execute(
        "SELECT text FROM consent WHERE version = ?", (consent.version,)
    ).fetchone()
    if text != consent.whole:
        raise WordbrushError(
            f"the text of consent differs from that of version {consent.version!r} in "
            f"{store.folder}: give it a new version."
        )


def agree(store: Store, speaker: Speaker, consent: Consent, version: str, language: str) -> None:
    """Raises Unasked for another version than the one that is shown, or an unknown language."""
    if version != consent.version:
        raise Unasked("the text has changed: load the page again")
    if language not in consent.languages:
        raise Unasked("choose a language of the list")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with store.database as database:
        database.execute(
            "UPDATE speaker SET consent = ?, consented = ?, language = ? WHERE number = ?",
            (version, now, language, speaker.number),
        )


def receipt(store: Store, speaker: Speaker) -> str:
    """A new receipt, of which only a hash is kept."""
    token = secrets.token_hex(16)
    with store.database as database:
        database.execute("INSERT INTO receipt VALUES (?, ?)", (_hash(token), speaker.number))
    return token


def receipts(store: Store, speaker: Speaker) -> int:
    """How many receipts of a speaker are kept."""
    (count,) = store.database.execute(
        "SELECT count(*) FROM receipt WHERE speaker = ?", (speaker.number,)
    ).fetchone()
    return count


def delete(store: Store, token: str) -> int:
    """Delete the speaker of a receipt, and all that he or she said; how many recordings.

    Raises Unasked where no speaker has this receipt.
    """
    row = store.database.execute(
        "SELECT number, name FROM speaker JOIN receipt ON speaker = number WHERE sha256 = ?",
        (_hash(token),),
    ).fetchone()
    if row is None:
        raise Unasked("nothing is kept under this receipt: was all of it copied?")
    number, name = row
    rows = store.database.execute(
        "SELECT id FROM recording WHERE speaker = ?", (number,)
    ).fetchall()
    with store.database as database:
        database.execute("DELETE FROM speaker WHERE number = ?", (number,))
    unlink(store, [one for (one,) in rows])
    for path in (store.folder / PARTS).glob(f"{name}-*"):
        path.unlink(missing_ok=True)
    return len(rows)


def unlink(store: Store, names: Sequence[str]) -> None:
    """Delete the files of recordings that the database no longer names."""
    for name in names:
        store.recording(name).unlink(missing_ok=True)


def _hash(token: str) -> str:
    """Tokens are random and long, so that no salt is needed."""
    return hashlib.sha256(token.strip().lower().encode(errors="replace")).hexdigest()


def close(store: Store, number: int) -> None:
    """End a link. What was recorded with it stays, and so do receipts."""
    with store.database as database:
        database.execute("UPDATE speaker SET token = NULL WHERE number = ?", (number,))


def progress(store: Store, a_picture: int) -> dict[str, Any]:
    """What the owner sees. a_picture: how many descriptions each is to have."""
    counts = store.database.execute(
        "SELECT count(*), coalesce(sum(json_extract(facts, '$.seconds')), 0) FROM recording "
        "JOIN item USING (speaker, picture) WHERE given IS NULL"
    ).fetchone()
    described = store.database.execute(
        "SELECT count(DISTINCT picture) FROM item WHERE given IS NULL"
    ).fetchone()
    (pictures,) = store.database.execute("SELECT count(*) FROM picture WHERE shown").fetchone()
    links = store.database.execute(
        "SELECT number, token, consent, language, count(given), "
        "count(item.speaker) - count(given) FROM speaker LEFT JOIN item ON speaker = number "
        "GROUP BY number ORDER BY number"
    )
    names = ("number", "token", "consent", "language", "open", "submitted")
    return {
        "recordings": counts[0],
        "hours": round(counts[1] / 3600, 2),
        "wanted": pictures * a_picture,
        "pictures": pictures,
        "described": described[0],
        "links": [dict(zip(names, row, strict=True)) for row in links],
    }
