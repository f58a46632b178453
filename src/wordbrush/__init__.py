"""Wordbrush: learns what spoken words mean by drawing pictures (Learning Words by Drawing Images, CVPR 2019)."""
