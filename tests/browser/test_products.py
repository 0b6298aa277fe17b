"""The page on products in a real browser: rows meet columns under the pointer."""

import pytest

from tests.browser.driving import line, open_page, outlined, pin, point

pytestmark = pytest.mark.browser


def test_a_cell_of_the_product_lights_up_its_row_and_its_column(page, url):
    open_page(page, f"{url}/products")
    point(page, "C", 1, 0)
    assert outlined(page, "A") == {(1, 0), (1, 1), (1, 2)}
    assert outlined(page, "B") == {(0, 0), (1, 0), (2, 0)}
    assert line(page) == "C[1, 0] = 4·1 + 5·3 + 6·5 = 49"
    point(page, "A", 0, 1)
    assert outlined(page, "B") == {(1, 0), (1, 1)}
    assert outlined(page, "C") == {(0, 0), (0, 1)}
    assert line(page).startswith("A[0, 1] = 2")
    assert line(page).endswith(" 7.")  # B[1, 0] + B[1, 1], the gradient of the sum


def test_a_broadcast_matrix_is_read_by_every_batch(page, url):
    open_page(page, f"{url}/products?shapes=batches")
    pin(page, "C", 1, 3 * 3 + 1)  # batch 3 stands beside three others of two columns, gaps between
    assert "cell=3%2C+1%2C+1" in page.url
    assert outlined(page, "A", "pinned") == {(1, k) for k in range(4)}
    assert outlined(page, "B", "pinned") == {(k, 10) for k in range(4)}


def test_two_vectors_meet_in_one_number(page, url):
    open_page(page, f"{url}/products?op=dot&shapes=vectors")
    point(page, "C", 0, 0)
    assert outlined(page, "A") == outlined(page, "B") == {(0, k) for k in range(4)}


def test_equal_letters_of_an_equation_light_up_in_every_operand(page, url):
    open_page(page, f"{url}/products?op=einsum&equation=bi,ij,bj->b")
    point(page, "B", 2, 1)
    assert outlined(page, "A") == {(0, 2), (1, 2)}
    assert outlined(page, "D") == {(0, 1), (1, 1)}
    assert outlined(page, "C") == {(0, 0), (0, 1)}


def test_of_a_letter_that_stands_twice_the_diagonal_alone_lights_up(page, url):
    open_page(page, f"{url}/products?op=einsum&equation=ii->")
    point(page, "C", 0, 0)
    assert outlined(page, "A") == {(0, 0), (1, 1)}
    point(page, "A", 0, 1)
    assert outlined(page, "C") == set()
    point(page, "A", 1, 1)
    assert outlined(page, "C") == {(0, 0)}
