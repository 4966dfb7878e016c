"""Trained networks in, ``.tflite`` files with a contract out.

TensorFlow's converter needs the Keras 2 that Larq uses, hence the same switch as in
``facesdk_training``, set before TensorFlow is imported (nothing heavy is imported here).
"""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
