"""Synthesisers of speech other than espeak-ng, each behind the same small interface."""
