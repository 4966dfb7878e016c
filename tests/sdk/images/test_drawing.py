"""Letters in pictures; what else is drawn, tests of the engine show."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageFont

from facesdk.images import drawing


def written(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pixels that a line changes; its baseline is row 40."""
    canvas = np.zeros((60, 200, 3), np.uint8)
    drawing.write(canvas, text, (10, 40), 20, (255, 255, 255))
    return np.nonzero(canvas.max(axis=2) > 100)


def test_a_line_stands_on_its_baseline() -> None:
    rows, columns = written("SAME")
    assert 38 <= rows.max() <= 40
    assert 22 <= rows.min() <= 30
    assert 9 <= columns.min() <= 13


def test_letters_beyond_ascii_are_question_marks() -> None:
    np.testing.assert_array_equal(written("\u0394\udcff"), written("??"))


@pytest.mark.parametrize("error", [TypeError, ImportError])
def test_a_pillow_with_one_font_of_one_size(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """Pillow before 10.1 takes no size; one without FreeType has no scalable font."""
    bitmap = ImageFont.load_default_imagefont()

    def load_default(*size: float) -> ImageFont.ImageFont:
        if size:
            raise error
        return bitmap

    monkeypatch.setattr(ImageFont, "load_default", load_default)
    rows, _ = written("SAME")
    assert 36 <= rows.max() <= 42
