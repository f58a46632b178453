"""The same stages on Kubeflow Pipelines: the only package that imports kfp."""
