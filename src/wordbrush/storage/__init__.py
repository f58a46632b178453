"""Bytes at rest: files, tables, weights, configurations, stores of objects, downloads and archives.

layout.py says where every artifact is.
"""
