"""The list of studies: order, search, an empty server that fills."""

from __future__ import annotations

from typing import Any

from pagescreen import AXIAL, FILM, Served, check, watched
from pagestudies import write_film, write_thorax


def _names(page: Any) -> list[str]:
    return page.locator(".studies .patient a").all_inner_texts()


def _search(page: Any, **fields: str) -> list[str]:
    page.locator("#search [type=reset]").click()
    page.wait_for_function("() => document.querySelectorAll('.studies tbody tr').length === 3")
    for name, text in fields.items():
        page.fill(f"#search [name={name}]", text)
    with page.expect_response(lambda answer: "/studies?" in answer.url):
        page.locator("#search [type=submit]").click()
    page.wait_for_function("() => !document.querySelector('#results').ariaBusy")
    return _names(page)


def test_the_newest_study_comes_first(screen: Any) -> None:
    assert _names(screen) == ["Lovelace, Ada", "Harvey, William", "Röntgen, Wilhelm"]
    first = screen.locator(".studies tbody tr").first.inner_text()
    for text in ("RC-42", "2024-03-12", "14:30", "CT", "OT", "Thorax", "A1001", "16 instances"):
        assert text in first


def test_every_field_finds_what_it_is_for(screen: Any) -> None:
    lovelace, harvey, roentgen = _names(screen)
    assert _search(screen, PatientName="love") == [lovelace]
    assert _search(screen, PatientName="harvey, w") == [harvey]
    assert _search(screen, PatientName="Röntgen*") == [roentgen]
    assert _search(screen, PatientID="RC-7") == [harvey]
    assert _search(screen, **{"from": "2023-06-01"}) == [lovelace, harvey]
    assert _search(screen, **{"from": "2023-06-01", "to": "2023-12-31"}) == [harvey]
    assert _search(screen, ModalitiesInStudy="us") == [harvey]
    assert _search(screen, AccessionNumber="C3003") == [roentgen]
    assert _search(screen, PatientName="Nobody") == []
    assert "No study matches" in screen.locator("#results").inner_text()


def test_a_search_never_stands_in_the_address(screen: Any) -> None:
    _search(screen, PatientName="love")
    assert "love" not in screen.url.lower()
    screen.locator(".studies .patient a").first.click()
    screen.locator("#rail a").first.wait_for()
    assert "love" not in screen.url.lower()
    assert "love" not in screen.title().lower()


def test_thumbnails_are_shown(screen: Any) -> None:
    screen.wait_for_function(
        "() => document.querySelector('.studies tr img.thumbnail')?.naturalWidth > 0"
    )


def test_back_leads_to_the_row_one_came_from(screen: Any) -> None:
    screen.locator(".studies .patient a", has_text="Harvey").click()
    screen.locator("#rail a").first.wait_for()
    screen.go_back()
    screen.locator(".studies").wait_for()
    assert screen.evaluate("() => document.activeElement.textContent") == "Harvey, William"


def test_a_series_is_called_by_its_description_or_else_its_modality(
    screen: Any, served: Served
) -> None:
    titles = screen.locator("#rail .title")
    screen.goto(served.url + AXIAL)
    screen.locator("#rail a").first.wait_for()
    assert titles.first.inner_text() == "Axial"
    screen.goto(served.url + FILM)
    screen.get_by_role("link", name="US").wait_for()
    assert titles.first.inner_text() == "US"


def test_an_empty_server_says_so_and_fills_by_itself(browser: Any, empty: Served) -> None:
    context = browser.new_context()
    page, complaints = watched(context)
    page.goto(empty.url)
    page.get_by_text("No studies yet").wait_for()
    write_film(empty.folder)
    page.get_by_text("Harvey, William").wait_for(timeout=20_000)
    write_thorax(empty.folder)
    context.close()
    check(complaints, empty.url)


def _ordered(page: Any, column: str) -> list[str]:
    with page.expect_response(lambda answer: "orderby=" in answer.url):
        page.get_by_role("button", name=column, exact=True).click()
    page.wait_for_function("() => !document.querySelector('#results').ariaBusy")
    return _names(page)


def test_columns_are_sorted_by_the_server(screen: Any) -> None:
    names = ["Harvey, William", "Lovelace, Ada", "Röntgen, Wilhelm"]
    assert _ordered(screen, "Patient") == names
    heading = screen.locator("th", has_text="Patient")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert _ordered(screen, "Patient") == names[::-1]
    assert heading.get_attribute("aria-sort") == "descending"
    assert screen.evaluate("() => document.activeElement.textContent") == "Patient"
    assert _ordered(screen, "Content")[-1] == "Lovelace, Ada"
    assert _ordered(screen, "Modality")[0] == "Lovelace, Ada"
    assert _ordered(screen, "Date")[0] == "Lovelace, Ada"


def test_all_studies_are_counted(screen: Any) -> None:
    screen.locator("#index-state", has_text="3 studies").wait_for()
    assert screen.locator("#pager-text").inner_text() == "3 studies"
    _search(screen, PatientName="love")
    assert screen.locator("#pager-text").inner_text() == "1 study"


def test_pages_of_studies_say_how_many_there_are(screen: Any) -> None:
    """Answer with a page of a longer list, as a server with many studies does."""
    warning = "299 rendicom: There are 151 additional results that can be requested"
    screen.route(
        "**/dicomweb/studies?*",
        lambda route: route.fulfill(
            response=(answer := route.fetch()), headers={**answer.headers, "warning": warning}
        ),
    )
    screen.locator("#search [type=submit]").click()
    screen.get_by_text("1–3 of 154 studies").wait_for()
    assert screen.get_by_role("button", name="Older").is_enabled()
    assert screen.get_by_role("button", name="Newer").is_disabled()


def test_the_list_is_light_and_images_are_dark(browser: Any, served: Served) -> None:
    context = browser.new_context(color_scheme="light")
    page, complaints = watched(context)
    page.goto(served.url)
    page.locator(".studies tbody tr").first.wait_for()
    room = "() => getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(room) == "rgb(255, 255, 255)"
    page.locator(".studies .patient a").first.click()
    page.locator("#rail a").first.wait_for()
    assert page.evaluate(room) == "rgb(10, 12, 14)"
    page.go_back()
    page.locator(".studies tbody tr").first.wait_for()
    page.get_by_role("button", name="Show the list dark").click()
    assert page.evaluate(room) == "rgb(10, 12, 14)"
    page.reload()
    page.locator(".studies tbody tr").first.wait_for()
    assert page.evaluate(room) == "rgb(10, 12, 14)"
    context.close()
    check(complaints, served.url)
