"""The page in Chromium, whose camera is a video, on a desk and on a phone."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sdk.serve import fake_camera
from sdk.serve.conftest import SAMPLES
from sdk.serve.running import Running, serving

pytestmark = pytest.mark.slow

SIZES = {"desk": (1280, 800), "phone": (390, 844)}
Opened = Callable[..., Any]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("page")
    with serving(folder, "--gallery", str(folder / "door.db")) as one:
        yield one


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "face.y4m"
    fake_camera.write_y4m(path, SAMPLES / "obama.jpg")
    return path


@pytest.fixture
def chromium(playwright: Any, chromium_program: str, video: Path) -> Iterator[Any]:
    flags = [
        *fake_camera.FLAGS,
        f"--use-file-for-fake-video-capture={video}",
        "--host-resolver-rules=MAP pi.local 127.0.0.1",
    ]
    launched = playwright.chromium.launch(executable_path=chromium_program, args=flags)
    yield launched
    launched.close()


@contextmanager
def opened(
    chromium: Any,
    running: Running,
    size: str = "desk",
    *,
    host: str = "127.0.0.1",
    token: str | None = None,
    **options: Any,
) -> Iterator[Any]:
    """The page; errors of its script, and requests to anybody else, fail the test."""
    width, height = SIZES[size]
    address = running.url.replace("127.0.0.1", host)
    context = chromium.new_context(viewport={"width": width, "height": height}, **options)
    page = context.new_page()
    page.set_default_timeout(20_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((address, "data:", "blob:"))
            else errors.append(request.url)
        ),
    )
    given = running.token if token is None else token
    page.goto(f"{address}#token={given}")
    yield page
    assert errors == []
    context.close()


@pytest.fixture(autouse=True)
def nobody_is_enrolled(running: Running) -> None:
    headers = {"Authorization": f"Bearer {running.token}"}
    with urllib.request.urlopen(
        urllib.request.Request(running.url + "v1/people", headers=headers), timeout=20
    ) as answer:
        people = json.load(answer)["people"]
    for person in people:
        request = urllib.request.Request(
            f"{running.url}v1/people/{person['id']}", headers=headers, method="DELETE"
        )
        urllib.request.urlopen(request, timeout=20).close()


def says(page: Any, selector: str, text: str) -> None:
    """Wait for a text; Playwright's functions that wait are kept out by the page's policy."""
    page.locator(selector, has_text=text).wait_for(state="attached")


def connected(page: Any) -> None:
    says(page, "#connection", "connected")
    page.wait_for_selector("[name=source]:checked")
    says(page, "#similarity", "0.")


def enrol(page: Any, name: str, photo: Path) -> None:
    page.click("#add")
    page.fill("#name", name)
    page.set_input_files("#enrol-file", photo)
    page.click("#enrol-send")


@pytest.mark.parametrize("size", SIZES)
def test_somebody_is_enrolled_by_camera_then_known_then_forgotten(
    chromium: Any, running: Running, size: str, tmp_path: Path
) -> None:
    with opened(chromium, running, size) as page:
        connected(page)
        assert "token" not in page.url, "it must not stay in the address"
        page.get_by_text("This device", exact=True).click()
        page.wait_for_selector("#faces .unknown")
        assert "from this device\u2019s camera" in page.inner_text("#which")
        page.wait_for_selector("#visits .unknown")

        page.get_by_role("button", name="Add a person").click()
        page.get_by_label("Name").fill("Barack Obama")
        page.get_by_role("button", name="Take the picture").click()
        page.wait_for_selector("#preview-picture:not([hidden])")
        page.get_by_role("button", name="Add", exact=True).click()
        page.wait_for_selector("#enrol-result .accepted")
        page.get_by_role("button", name="Close").click()

        page.wait_for_selector("#faces .known")
        assert "Barack Obama" in page.inner_text("#faces")
        page.wait_for_selector("#visits .known")
        assert page.inner_text("#spoken") == "Barack Obama"
        page.locator("#latency-chart polyline").nth(2).wait_for(state="attached")
        page.screenshot(path=tmp_path / f"{size}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

        page.get_by_role("button", name="Forget Barack Obama").click()
        page.get_by_role("button", name="Keep").click()
        assert page.locator("#people li").count() == 1
        page.get_by_role("button", name="Forget Barack Obama").click()
        page.get_by_role("button", name="Forget", exact=True).click()
        page.wait_for_selector("#no-people:not([hidden])")
        page.wait_for_selector("#faces .unknown")


def test_a_photo_that_is_refused_is_explained(
    chromium: Any, running: Running, tmp_path: Path
) -> None:
    Image.new("RGB", (300, 200), "grey").save(tmp_path / "blank.png")
    (tmp_path / "text.jpg").write_text("no photo")
    with opened(chromium, running) as page:
        connected(page)
        enrol(page, "Nobody", tmp_path / "blank.png")
        page.wait_for_selector("#enrol-result .refused")
        assert "no face found" in page.inner_text("#enrol-result li")
        page.set_input_files("#enrol-file", tmp_path / "text.jpg")
        page.click("#enrol-send")
        says(page, "#enrol-result", "not an image")
        page.keyboard.press("Escape")
        assert not page.is_visible("#enrol")
        assert page.evaluate("document.activeElement.id") == "add", "the focus returns"
        assert page.is_visible("#no-people")


def test_the_threshold_is_the_models_and_its_rates_follow_the_gallery(
    chromium: Any, running: Running
) -> None:
    with opened(chromium, running, "phone") as page:
        connected(page)
        assert page.inner_text("#fpir") == "\u2013"
        for name in ("obama", "obama2"):
            enrol(page, "Barack Obama", SAMPLES / f"{name}.jpg")
            page.wait_for_selector("#enrol-result .accepted")
            page.click("#enrol-close")
        thresholds = page.evaluate("model.thresholds")
        assert len(thresholds) >= 3
        shown = []
        page.focus("#threshold")
        page.keyboard.press("Home")
        for row in thresholds:
            assert page.inner_text("#similarity") == f"{row['similarity']:.3f}"
            one_in = [
                int(found.replace(",", ""))
                for found in re.findall(r"1 in ([\d,]+)", page.inner_text("#fmr,#fpir >> nth=0"))
            ]
            assert one_in[0] == round(1 / row["fmr"])
            shown.append(page.inner_text("#fpir"))
            assert f"1 in {round(1 / (1 - (1 - row['fmr']) ** 2)):,}" in shown[-1]
            page.keyboard.press("ArrowRight")
        assert len(set(shown)) == len(thresholds)
        page.reload()
        connected(page)
        says(page, "#similarity", f"{thresholds[-1]['similarity']:.3f}")


def test_over_plain_http_from_another_computer_it_says_why_there_is_no_camera(
    chromium: Any, running: Running
) -> None:
    with opened(chromium, running, "phone", host="pi.local") as page:
        connected(page)
        assert page.evaluate("isSecureContext") is False
        assert page.is_disabled("[name=source][value=browser]")
        words = page.inner_text("#which")
        assert "https:" in words and "pi.local" in words and "--tls" in words
        enrol(page, "Barack Obama", SAMPLES / "obama.jpg")
        page.wait_for_selector("#enrol-result .accepted")
        assert "--tls" in page.inner_text("#no-camera")
        assert page.is_disabled("#take")
        page.click("#enrol-close")
        page.set_input_files("#photo-file", SAMPLES / "obama2.jpg")
        page.wait_for_selector("#faces .known")
        assert "Barack Obama" in page.inner_text("#faces")


def test_over_https_another_computer_gives_its_camera(chromium: Any, tmp_path: Path) -> None:
    with (
        serving(tmp_path, "--tls", "--tls-folder", str(tmp_path / "tls")) as secure,
        opened(chromium, secure, "phone", host="pi.local", ignore_https_errors=True) as page,
    ):
        connected(page)
        assert page.evaluate("isSecureContext") is True
        page.get_by_text("This device", exact=True).click()
        page.wait_for_selector("#faces .undecided")
        assert "from this device\u2019s camera" in page.inner_text("#which")


def test_a_wrong_token_is_asked_for_again(chromium: Any, running: Running) -> None:
    with opened(chromium, running, token="wrong") as page:
        page.wait_for_selector("#login[open]")
        assert page.inner_text("#login-result") == "This is not the token."
        page.keyboard.press("Escape")
        assert page.is_visible("#login")
        page.get_by_role("textbox", name="Token").fill(running.token)
        page.get_by_role("button", name="Open").click()
        connected(page)


def test_a_name_is_never_a_program(chromium: Any, running: Running) -> None:
    name = "<img src=x onerror=document.title='bad'><script>document.title='bad'</script>"
    with opened(chromium, running) as page:
        connected(page)
        enrol(page, name, SAMPLES / "obama.jpg")
        page.wait_for_selector("#enrol-result .accepted")
        page.click("#enrol-close")
        assert page.inner_text("#people b") == name
        page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=title=1>')"
        )
        assert page.title() == "facesdk"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_and_everything_has_a_name(
    chromium: Any, running: Running, scheme: str
) -> None:
    """Contrast of 4.5 to 1 (WCAG 2.2, 1.4.3), names and sizes of what can be pressed."""
    with opened(chromium, running, "phone", color_scheme=scheme) as page:
        connected(page)
        enrol(page, "Barack Obama", SAMPLES / "obama.jpg")
        page.wait_for_selector("#enrol-result .accepted")
        page.click("#enrol-close")
        assert page.evaluate(CONTRASTS) == []
        nameless = page.evaluate(
            """[...document.querySelectorAll("button, input, a")].filter((row) =>
              !(row.ariaLabel || row.textContent.trim() || (row.labels && row.labels.length)))
              .map((row) => row.outerHTML)"""
        )
        assert nameless == []
        small = page.evaluate(
            """[...document.querySelectorAll("button")].filter((row) => row.offsetHeight)
              .filter((row) => row.offsetHeight < 40).map((row) => row.outerHTML)"""
        )
        assert small == []


def test_a_name_hides_no_other_face(chromium: Any, running: Running) -> None:
    with opened(chromium, running, "phone") as page:
        place = "(boxes) => placeOfLabel(boxes[0], 130, { width: 300, height: 200 }, boxes)"
        face = [70, 60, 110, 110]
        assert page.evaluate(place, [face]) == [70, 31]
        assert page.evaluate(place, [face, [120, 20, 180, 70]]) == [70, 115]  # below: it is free
        assert page.evaluate(place, [face, [130, 20, 180, 150]]) == [0, 31]  # to the left
        assert page.evaluate(place, [[70, 5, 110, 60]]) == [70, 65]  # no room above
        assert page.evaluate(place, [[250, 60, 290, 110]]) == [170, 31]  # no room to the right


SHOWN = """(shown) => {
  faces = shown; size = { width: 640, height: 480 };
  showFaces();
  return [...document.querySelectorAll("#faces li")].map((row) => row.textContent);
}"""


def test_a_face_that_is_too_poor_says_why_and_one_that_is_hidden_is_named_once(
    chromium: Any, running: Running
) -> None:
    with opened(chromium, running, "phone") as page:
        connected(page)
        reason = "the face is dark (mean level of 255): 16.3, must be at least 30"
        face = {"box": [9, 9, 99, 99], "found": True, "verdict": None, "reasons": [reason]}
        rows = [face, face | {"reasons": []}, face | {"found": False}]
        assert page.evaluate(SHOWN, rows) == ["looking" + reason, "looking"]
        assert page.evaluate(SHOWN, rows[2:]) == ["looking" + reason]


CONTRASTS = """(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (row) => {
    for (; row; row = row.parentElement) {
      const colour = parse(getComputedStyle(row).backgroundColor);
      if (colour.length < 4 || colour[3] > 0.99) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const row = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    const apart = ".hidden, :disabled + span, svg, script, style, .skip";
    if (!text || !row.checkVisibility() || row.closest(apart)) continue;
    const style = getComputedStyle(row), a = light(parse(style.color)), b = light(behind(row));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push([text, ratio]);
  }
  return poor;
})()"""


def test_the_services_own_camera_is_shown_first(
    chromium: Any, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    film = tmp_path_factory.mktemp("film")
    fake_camera.write_folder(film, SAMPLES / "obama.jpg")
    options = ("--gallery", str(tmp_path / "g.db"), "--source", str(film), "--repeat")
    with serving(tmp_path, *options) as own, opened(chromium, own) as page:
        connected(page)
        assert page.is_checked("[name=source][value=service]")
        page.wait_for_selector("#faces .undecided, #faces .unknown")
        assert f"own camera, {film}" in page.inner_text("#which")
        page.wait_for_selector("#visits li")
        page.click("#add")
        page.fill("#name", "Barack Obama")
        page.click("#take")
        page.click("#enrol-send")
        page.wait_for_selector("#enrol-result .accepted")
        page.click("#enrol-close")
        page.wait_for_selector("#faces .known")
        page.wait_for_selector("#visits .known")
        page.screenshot(path=tmp_path / "service.png", full_page=True)
        assert own.stop()[0] == 0, "a page that waits for a picture does not keep it from ending"
        says(page, "#connection", "not reachable")
