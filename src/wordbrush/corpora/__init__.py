"""Recordings and pictures that people have: read, checked, and imported into one form."""
