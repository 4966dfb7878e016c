from __future__ import annotations

import numpy as np

from facesdk_converters.inspection import faces


def test_the_samples_show_faces_and_their_mirror_images() -> None:
    crops = faces.load()
    assert crops.dtype == np.uint8 and crops.shape[1:] == (112, 112, 3) and len(crops) >= 6
    half = len(crops) // 2
    np.testing.assert_array_equal(crops[half:], crops[:half, :, ::-1])
    np.testing.assert_array_equal(crops, faces.load())


def test_crops_fit_inputs_of_any_size() -> None:
    crops = faces.load()
    np.testing.assert_array_equal(faces.fit(crops, 112, 112, 3), crops)
    np.testing.assert_array_equal(faces.fit(crops, 112, 96, 3), crops[:, :, 8:104])
    small = faces.fit(crops, 28, 28, 3)
    means = crops.reshape(len(crops), 28, 4, 28, 4, 3).mean(axis=(2, 4))
    assert np.abs(small - means).max() <= 0.5
    grey = faces.fit(crops, 112, 112, 1)
    luminance = crops @ np.array([0.299, 0.587, 0.114])
    assert grey.shape == (*crops.shape[:3], 1) and grey.dtype == np.uint8
    assert np.abs(grey[..., 0] - luminance).max() <= 1
    assert faces.fit(crops, 224, 160, 3).shape == (len(crops), 224, 160, 3)
