"""How a model was made, as its card says."""

import re
import subprocess

from wordbrush.versioning.origin import origin


def test_the_commit_is_named_where_there_is_one(tmp_path):
    assert "commit" not in origin(tmp_path)
    for name in ("params.yaml", "code.py"):
        (tmp_path / name).write_text("a\n")
    for words in (
        ("init", "-q"),
        ("add", "."),
        ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "one"),
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    (tmp_path / "params.yaml").write_text("b\n")  # is exported as it is
    assert re.fullmatch("[0-9a-f]{40}", origin(tmp_path)["commit"])
    (tmp_path / "code.py").write_text("b\n")
    assert origin(tmp_path)["commit"].endswith(" with uncommitted changes")
