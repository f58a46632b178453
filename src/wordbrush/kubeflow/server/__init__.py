"""A Kubeflow Pipelines server: how to reach it, and the runs, schedules and versions on it."""
