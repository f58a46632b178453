"""How fast Wordbrush is, beside others' code and beside what this machine can do (docs/performance.md)."""
