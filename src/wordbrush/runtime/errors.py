"""The one error that people see: what is wrong, where, and what to do."""


class WordbrushError(Exception):
    """A fault in what the user gave or has: the command line prints its sentence and exits with code 2."""
