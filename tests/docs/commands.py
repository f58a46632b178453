"""The commands in the bash blocks of pages, with the variables that the pages export."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIABLE = re.compile(r"\$(\w+)")


@dataclass(frozen=True)
class Page:
    """One or several pages as one text, their bash blocks, and every command in order, as words.

    exports: the variables that the pages set.
    """

    text: str
    blocks: list[str]
    commands: list[list[str]]
    exports: dict[str, str]

    @staticmethod
    def read(*paths: Path) -> "Page":
        """Later pages may use the variables that earlier ones export."""
        text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
        blocks, exports = BLOCK.findall(text), {}
        return Page(text, blocks, [*_commands(blocks, exports)], exports)

    def of(self, *words: str) -> list[list[str]]:
        """The arguments of every command that starts with these words."""
        return [
            command[len(words) :]
            for command in self.commands
            if command[: len(words)] == list(words)
        ]

    def lines(self, program: str) -> list[str]:
        """Every line that runs `program`, for bash to run."""
        return [
            line
            for block in self.blocks
            for line in _lines(block)
            if line.startswith(f"{program} ")
        ]


def _lines(block: str) -> list[str]:
    """The lines of a block; a backslash joins a line with the next."""
    return block.replace("\\\n", " ").splitlines()


def _commands(blocks: list[str], known: dict[str, str]) -> Iterator[list[str]]:
    for block in blocks:
        for line in _lines(block):
            words = shlex.split(line, comments=True)
            if words[:1] == ["export"]:
                for word in words[1:]:
                    name, _, value = word.partition("=")
                    known[name] = _filled(value, known)
            else:
                yield [_filled(word, known) for word in words if word != "&"]


def _filled(word: str, known: dict[str, str]) -> str:
    # KeyError: the page uses a variable that it never set
    return VARIABLE.sub(lambda match: known[match[1]], word)


def parses_in_bash(block: str) -> str:
    """What bash reports about a block; empty if it is fine."""
    return subprocess.run(
        ["bash", "-n"], input=block, capture_output=True, text=True, check=False
    ).stderr


def options(arguments: list[str]) -> dict[str, str]:
    """--name=value, --name value and --name of a command."""
    found = {}
    for number, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if name.startswith("--"):
            following = arguments[number + 1] if number + 1 < len(arguments) else ""
            found[name.removeprefix("--")] = (
                value if equals else "" if following.startswith("--") else following
            )
    return found


def parses(app: typer.Typer, arguments: list[str]) -> None:
    """The command's own parser accepts the arguments, types included; nothing runs."""
    command = typer.main.get_command(app)
    if isinstance(command, typer.core.TyperGroup):
        verb, *arguments = arguments
        assert verb in command.commands, f"there is no verb {verb}"
        command = command.commands[verb]
    command.make_context("command", list(arguments))
