"""How well a model verifies faces: LFW, ROC, DET. Device dependencies only."""
