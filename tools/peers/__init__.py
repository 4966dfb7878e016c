"""The peers of ``tools/compare_peers.py``: one module a library, each in a process of its own."""
