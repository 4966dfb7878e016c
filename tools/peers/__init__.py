"""The peers of ``tools.peers.compare``: one module a library, each in a process of its own."""
