"""Runs on this machine, with kfp's own runners."""
