"""The peers of ``tools.peers.compare``: one module per library, each in a process of its own."""
