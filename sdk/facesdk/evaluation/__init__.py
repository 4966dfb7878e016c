"""How well a model verifies faces: the LFW protocol, ROC, DET. NumPy only, so devices can run it."""
