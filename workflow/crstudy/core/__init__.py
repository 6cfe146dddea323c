"""Errors, atomic writes, job logs and formatting: what every package uses."""
