"""The report as a browser gets it, read by an independent parser."""

import subprocess
from html.parser import HTMLParser
from importlib.resources import files

import cv2
import numpy as np
import pytest

from contextual_anomaly.report.page import installed_versions

pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """What a browser would fetch, link to and show."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids, self.images, self.fetched, self.links, self.tags, self.text = set(), [], [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        if "id" in values:
            self.ids.add(values["id"])
        if tag == "img":
            self.images.append(values)
        if tag == "a":
            self.links.append(values["href"])
        elif "href" in values:
            self.fetched.append(values["href"])
        if "src" in values:
            self.fetched.append(values["src"])

    def handle_data(self, data):
        self.text.append(data)


def write(results, output, kind="synthetic", *more):
    options = [f"--results={results}", f"--output={output}", "--dataset-name=six things", f"--dataset-kind={kind}"]
    options += [f"--configuration={results}/configuration.yaml", f"--figure={output.with_suffix('.png')}"]
    options += [f"--summary={output.with_suffix('.json')}"]
    options += [
        "--model=published=autoencoder",
        "--model=frequency=frequency",
        "--model=mixture=mixture",
        "--listing=published",
        "--object-judge=mixture",
    ]
    options += [f"--images={results}/pictures", "--gallery=4", *more]
    return subprocess.run(["contextual-anomaly", "write-report", *options], text=True, capture_output=True)


@pytest.fixture(scope="module")
def embedded(results, tmp_path_factory):
    output = tmp_path_factory.mktemp("report") / "report.html"
    done = write(results, output)
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture(scope="module")
def page(embedded):
    return Page(embedded.read_text())


def test_one_file_that_fetches_nothing(page):
    assert page.fetched
    assert all(address.startswith("data:image/") for address in page.fetched)
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert all(link.startswith(("#", "https://cocodataset.org/#explore?id=")) for link in page.links)


def test_every_section_is_there_and_the_contents_lead_to_it(page):
    sections = {"summary", "data", "training", "anomalies", "models", "experiment1", "objects", "timings", "made-with"}
    assert sections <= page.ids
    assert {link[1:] for link in page.links if link.startswith("#")} == sections


def test_every_picture_says_what_it_shows(page):
    assert len(page.images) >= 8
    assert all(len(image["alt"]) > 5 for image in page.images)
    pictures = [image for image in page.images if image["src"].startswith("data:image/jpeg")]
    assert len(pictures) == 4 + 3  # the gallery, and the three oddest objects


def test_the_style_sheet_is_whole(embedded):
    """Nothing in it is escaped, or a browser would skip the rules with quotes and >."""
    style = (files("contextual_anomaly.report") / "templates/style.css").read_text()
    assert f"<style>{style.rstrip()}" in embedded.read_text()


def test_a_hostile_class_name_is_text(page, embedded):
    assert "<script>" not in embedded.read_text()
    assert any("<script>alert(1)</script>" in text for text in page.text)


def test_published_figures_stand_only_beside_cocos(page, results, tmp_path):
    assert "reproduction" not in page.ids
    assert "not figures of COCO" in " ".join("".join(page.text).split())
    done = write(results, tmp_path / "coco.html", "coco")
    assert done.returncode == 0, done.stderr
    coco = Page((tmp_path / "coco.html").read_text())
    assert "reproduction" in coco.ids
    assert "76.2" in coco.text  # published, 20 least common, d = 10
    assert not any("not figures of COCO" in text for text in coco.text)


def test_time_and_memory_come_from_files_that_measure_them(page):
    row = page.text.index("fit published")
    assert [text for text in page.text[row:] if text.strip()][1:3] == ["12.3", "512"]
    fit, scene = (page.text.index(heading) for heading in ("fit, s", "one scene, ms"))
    assert fit < scene
    cells = [text for text in page.text[scene:] if text.strip()]
    published = cells.index("published, d = 10")
    # After the name: AUROC, log-likelihood, each with its interval where there is one, and the calibration error.
    assert cells[published + 5 : published + 7] == ["11.9", "0.46"]
    frequency = cells.index("frequency")
    assert cells[frequency + 6 : frequency + 8] == ["–", "–"]  # not measured


def test_the_same_results_give_the_same_bytes(results, embedded, tmp_path):
    write(results, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == embedded.read_bytes()
    assert (tmp_path / "again.png").read_bytes() == embedded.with_suffix(".png").read_bytes()


def test_the_figure_is_a_picture(embedded):
    assert cv2.imread(str(embedded.with_suffix(".png"))).std() > 10


def test_a_missing_table_is_named_and_nothing_is_written(results, tmp_path):
    done = write(results, tmp_path / "report.html", "synthetic", "--detector=nothing")
    assert done.returncode == 2
    assert "experiments/detection/nothing.csv" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "report.html").exists()


def test_a_library_that_is_not_installed_has_no_version():
    assert installed_versions(["numpy", "no-such-library"]) == [("numpy", np.__version__)]
