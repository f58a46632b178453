"""What users are told when something is missing."""

import errno
import sys
from pathlib import Path

import pytest

from wordbrush.errors import (
    EXIT_STOPPED,
    Stopped,
    WordbrushError,
    optional_packages,
    require_values,
    run_command,
)


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


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lambda: Path("/proc/x/y").mkdir(), "/proc/x/y: no such file or directory"),
        (lambda: Path("/proc/x\ny").read_text(), "'/proc/x\\ny': no such file or directory"),
        (lambda: Path("/").read_text(), "/: is a directory; name a file"),
        (lambda: Path("x" * 300).exists(), f"{'x' * 300}: file name too long; choose a shorter"),
    ],
)
def test_what_the_system_refuses_of_a_file_is_one_sentence(capsys, fault, said):
    with pytest.raises(SystemExit) as caught:
        run_command(fault, "wordbrush")
    printed = capsys.readouterr().err
    assert caught.value.code == 2 and printed.count("\n") == 1
    assert printed.startswith(f"wordbrush: {said}")


def test_a_full_disk_is_one_sentence_where_no_file_is_known(capsys):
    def command() -> None:
        with open("/dev/full", "w") as disk:
            disk.write("x")

    with pytest.raises(SystemExit):
        run_command(command, "wordbrush")
    assert capsys.readouterr().err == ("wordbrush: no space left on device; free some space.\n")


@pytest.mark.parametrize("fault", [KeyError("x"), OSError(errno.ECHILD, "no child processes")])
def test_a_fault_of_ours_keeps_its_traceback(fault):
    def command() -> None:
        raise fault

    with pytest.raises(type(fault)):
        run_command(command, "wordbrush")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["compile", "--image", ""], "--image is empty"),
        (["compile", "--image="], "--image is empty"),
        (["compile", "--image= \t"], "--image is empty"),
        (["remote", " "], "an argument is empty"),
        ([""], "an argument is empty"),
    ],
)
def test_an_empty_value_is_refused_where_it_is_given(arguments, named):
    with pytest.raises(WordbrushError, match=f"^{named}"):
        require_values(arguments)
    require_values(["compile", "--gate", "x", "a=", "=", "-"])
