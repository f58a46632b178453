"""How fast Wordbrush is, compared with published code and with the machine's limits.

docs/performance.md explains the rows and has the results.
"""
