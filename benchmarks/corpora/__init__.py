"""Collections of the size of published ones, generated: `python -m benchmarks.corpora SHAPE`."""
