"""What DVC and its file systems raise, and the sentence that it becomes."""

import sys

import dvc.exceptions


def storage_errors() -> tuple[type[Exception], ...]:
    """The exceptions of DVC and its file systems; those of Google are no OSError."""
    gcsfs, auth = sys.modules.get("gcsfs.retry"), sys.modules.get("google.auth.exceptions")
    return (
        dvc.exceptions.DvcException,
        OSError,
        *((gcsfs.HttpError,) if gcsfs else ()),
        *((auth.GoogleAuthError,) if auth else ()),
    )


def reasons(error: BaseException) -> str:
    """An exception and its causes, in one line."""
    found: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        reason = " ".join(str(cause).split())
        if reason and reason not in found:
            found.append(reason)
        cause = cause.__cause__
    return "; ".join(found)
