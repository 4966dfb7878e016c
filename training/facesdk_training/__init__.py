"""Training of facesdk's binarized networks with Larq.

Larq 0.14 needs Keras 2. TensorFlow 2.16 and later choose Keras 3 unless ``TF_USE_LEGACY_KERAS`` is
set before TensorFlow is imported, so importing this package sets it (and imports nothing heavy).
"""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
