"""Kubeflow Pipelines: the DAG of the stages, where its tasks run, and the server's client.

Of the package, only this room imports kfp.
"""
