from __future__ import annotations

import pytest

from facesdk.models.templates import TEMPLATES, template_of


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_found_by_its_size(name: str) -> None:
    assert template_of(TEMPLATES[name].size) == name


@pytest.mark.parametrize("size", [(112, None), (96, 112), (), (112, 112, 3)])
def test_other_sizes_have_no_template(size: tuple[int | None, ...]) -> None:
    assert template_of(size) is None


def test_the_narrow_template_is_the_centre_of_the_square_one() -> None:
    square, narrow = TEMPLATES["arcface-112x112"], TEMPLATES["arcface-112x96"]
    moved = [(x + (square.width - narrow.width) / 2, y) for x, y in narrow.points]
    assert moved == [pytest.approx(point) for point in square.points]
