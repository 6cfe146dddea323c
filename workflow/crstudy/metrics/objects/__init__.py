"""Cosmic rays one by one, and star cores without any."""
