"""The tiny LLaVA-OneVision of the demo: its world of pictures, its training, its export and its measurement."""
