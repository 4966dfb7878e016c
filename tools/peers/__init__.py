"""The peers of ``tools/peers/compare.py``: one module a library, each in a process of its own."""
