"""The parts of ``bench_ops.py``: models, candidates, the popcount roofline, targets, the report."""
