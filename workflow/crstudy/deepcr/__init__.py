"""deepCR: weights, tiles, backends, probability maps and inpainting."""
