"""Measuring latency: what it costs, where the time goes, and whether the figures can be trusted.

``facesdk bench`` is its command line; docs/use/bench.md says how everything is measured.
"""
