"""What to do with a network of Keras 3 that Keras 2 cannot rebuild."""

EXPORT = (
    "save the network with model.export(FOLDER) in Keras 3, and convert that folder, which has its "
    "functions inside"
)
