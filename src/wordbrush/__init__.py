"""Learns what spoken words mean by drawing pictures (Learning Words by Drawing Images, 2019)."""
