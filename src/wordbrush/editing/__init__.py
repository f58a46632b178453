"""Edits of drawings: units of the generator, their dissection, and editors that turn a batch into edited pictures."""
