"""Checks of the manifests beyond what schemas catch: `python -m k8s.checks k8s/overlays/gke`.

A check takes all objects of an overlay and yields one sentence for each fault. No check talks to a
cluster.
"""
