"""The packaged models: ``<task>/<name>.tflite``, each with its licence beside it."""
