"""Cosmic rays: tracks through silicon, and events of real exposures placed at random."""
