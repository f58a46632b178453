"""Edits of drawings: units that draw a concept, and editors that turn a batch into negatives."""
