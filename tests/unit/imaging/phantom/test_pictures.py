"""Made-up pictures: words stand where they are said to."""

import numpy as np

from oncofed.imaging.phantom import pictures
from oncofed.imaging.pixels.rectangles import pixels_in


def test_words_stand_in_their_boxes_and_nowhere_else() -> None:
    rng = np.random.default_rng(1)
    picture = np.zeros((300, 400), dtype=np.uint8)
    planted = pictures.plant(picture, 15, rng, sizes=(8, 14), greys=(255, 150))
    assert len(planted) >= 10
    assert not picture[~pixels_in([one.rectangle for one in planted], 400, 300)].any()
    for one in planted:
        box = one.rectangle
        assert abs(box.y1 - box.y0 - one.size) <= 6
        assert picture[box.y0 : box.y1, box.x0 : box.x1].max() >= 140


def test_a_word_that_does_not_fit_is_not_written() -> None:
    picture = np.zeros((20, 20), dtype=np.uint8)
    assert pictures.write(picture, "PAPADAKIS", (5, 5), size=10) is None
    assert pictures.write(picture, "A", (-1, 5), size=10) is None
    assert not picture.any()


def test_the_same_seed_draws_the_same() -> None:
    one, other = (pictures.fan(120, 160, np.random.default_rng(8)) for _ in range(2))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, pictures.fan(120, 160, np.random.default_rng(9)))
    assert pictures.words(9, np.random.default_rng(2)) == pictures.words(9, np.random.default_rng(2))


def test_a_full_picture_takes_no_more_words() -> None:
    picture = np.zeros((24, 120), dtype=np.uint8)
    planted = pictures.plant(picture, 40, np.random.default_rng(0), sizes=(8,), greys=(255,))
    assert len(planted) < 5
