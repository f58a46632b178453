"""What git says of a folder."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from wordbrush.errors import WordbrushError

SHORT = 7  # characters of a commit, as git shortens it


def git(folder: Path, *words: str) -> str:
    """What `git WORDS` prints in `folder`.

    Raises WordbrushError where it fails, or where there is no git.
    """
    try:
        done = subprocess.run(
            ["git", *words],
            cwd=folder,
            encoding="utf-8",
            errors="backslashreplace",
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise WordbrushError(f"git {words[0]}: {error.filename} is missing.") from error
    if done.returncode:
        raise WordbrushError(f"git {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


def head(
    folder: Path, untracked: bool = False, aside: Sequence[str] = ()
) -> tuple[str, bool] | None:
    """The commit that is checked out, and whether files differ from it; None without a repository.

    untracked: whether new files count as a difference. aside: names that never count.
    """
    new = f"--untracked-files={'normal' if untracked else 'no'}"
    ignored = [f":!{name}" for name in aside]
    try:
        changes = git(folder, "status", "--porcelain", new, "--", ".", *ignored)
        return git(folder, "rev-parse", "HEAD"), bool(changes)
    except WordbrushError:
        return None


def short_head(folder: Path) -> str | None:
    """The commit that is checked out for names: 5261956-dirty, as `git describe --dirty` says it.

    None without a repository.
    """
    found = head(folder)
    return found and found[0][:SHORT] + "-dirty" * found[1]


def described_head(folder: Path, aside: Sequence[str] = ()) -> str | None:
    """The commit that is checked out, and whether files differ from it, for people."""
    found = head(folder, aside=aside)
    return found and found[0] + " with uncommitted changes" * found[1]


def committed(file: Path) -> str | None:
    """The text of a file in the commit that is checked out; None where there is none."""
    try:
        return git(file.resolve().parent, "show", f"HEAD:./{file.resolve().name}")
    except WordbrushError:
        return None
