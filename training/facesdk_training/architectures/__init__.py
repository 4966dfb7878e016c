"""Network architectures; each module builds one family as a Keras model."""
