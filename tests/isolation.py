"""What tests must not see: settings of the person who starts them, and what runs left behind."""

import os
import tempfile

PREFIXES = ("WORDBRUSH_", "DVC_", "OMP_", "GIT_", "AWS_", "AZURE_", "GOOGLE_", "KFP_")
GIT_SETTINGS = {
    "commit.gpgsign": "false",
    "core.autocrlf": "false",
    "core.excludesFile": os.devnull,
    "core.hooksPath": os.devnull,
    "user.name": "test",
    "user.email": "test@example.org",
}
_own_folder = tempfile.TemporaryDirectory(prefix="wordbrush-tests-")  # deleted at exit


def clean_environment() -> None:
    """One thread, default settings, and DVC's and git's configuration from nowhere else.

    A hook of git that starts the tests sets GIT_DIR, so that every git here would take that folder.
    """
    for name in [name for name in os.environ if name.startswith(PREFIXES)]:
        del os.environ[name]
    os.environ |= {
        "OMP_NUM_THREADS": "1",
        "DVC_NO_ANALYTICS": "1",
        "DVC_GLOBAL_CONFIG_DIR": f"{_own_folder.name}/global",
        "DVC_SYSTEM_CONFIG_DIR": f"{_own_folder.name}/system",
        "DVC_SITE_CACHE_DIR": f"{_own_folder.name}/site",
        "GIT_CONFIG_COUNT": str(len(GIT_SETTINGS)),
    }
    for number, (key, value) in enumerate(GIT_SETTINGS.items()):
        os.environ |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
