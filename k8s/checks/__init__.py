"""Checks of the manifests, also of what schemas do not catch: `python -m k8s.checks k8s/overlays/gke`.

A check takes all objects of an overlay and yields one sentence for each fault. Nothing here talks to a cluster.
"""
