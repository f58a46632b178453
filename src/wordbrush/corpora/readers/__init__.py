"""Readers: one module for each form in which people keep pictures and recordings."""
