"""Network architectures: a module a family of Keras models, and ``registry`` to build by name."""
