"""The ``facesdk`` command: one module a verb group."""
