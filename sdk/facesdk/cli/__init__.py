"""The ``facesdk`` command: one module per verb group."""
