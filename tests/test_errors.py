"""What users are told when something is missing."""

import sys

import pytest

from wordbrush.errors import EXIT_STOPPED, Stopped, WordbrushError, optional_packages, run_command


def test_a_package_of_an_extra_that_is_missing_is_named_with_its_extra(monkeypatch):
    from wordbrush.scenes.render import mitsuba

    mitsuba.cache_clear()
    monkeypatch.setitem(sys.modules, "mitsuba", None)
    with pytest.raises(WordbrushError) as caught:
        mitsuba()
    assert str(caught.value) == "mitsuba is not installed: pip install 'wordbrush[render]'."


def test_a_module_that_no_extra_brings_is_a_fault_of_ours():
    with pytest.raises(ModuleNotFoundError, match=r"wordbrush\.nowhere"), optional_packages():
        import wordbrush.nowhere  # noqa: F401


def test_a_command_that_lacks_a_package_is_one_sentence(monkeypatch, capsys):
    def command() -> None:
        import google.cloud.nowhere  # noqa: F401

    with pytest.raises(SystemExit) as caught:
        run_command(command, "wordbrush")
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        "wordbrush: google.cloud.nowhere is not installed: pip install 'wordbrush[pipeline]'.\n"
    )


def test_a_stop_has_a_code_of_its_own(capsys):
    def command() -> None:
        raise Stopped("stopped by SIGTERM")

    with pytest.raises(SystemExit) as caught:
        run_command(command, "wordbrush")
    assert caught.value.code == EXIT_STOPPED
    assert capsys.readouterr().err == "wordbrush: stopped by SIGTERM\n"
