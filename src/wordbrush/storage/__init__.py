"""Bytes at rest: whole files, tables, weights, buckets, downloads and archives, and where every artifact lives."""
