"""Cameras: data-quality flags, headers, world coordinates and point-spread functions."""
