"""What every stage needs and no science: files, errors, progress, devices, weights, metrics."""
