"""Containers of a local run."""

from wordbrush.kubeflow.local.containers import _user_of


def test_links_that_a_container_left_lead_to_no_change_outside(tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.write_text("mine")
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / "dangling").symlink_to(tmp_path / "nothing")
    before = outside.stat()
    assert _user_of(folder).count(":") == 1
    assert (outside.stat().st_uid, outside.stat().st_gid) == (before.st_uid, before.st_gid)
