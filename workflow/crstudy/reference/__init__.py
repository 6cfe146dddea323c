"""The multi-exposure reference: alignment, AstroDrizzle, labels, and their audit."""
