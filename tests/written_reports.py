"""What was written for toy results, as a browser, the Hub or a reader of the files finds it."""

from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from xml.sax.saxutils import quoteattr

import yaml
from huggingface_hub import ModelCard, ModelCardData

from distil.core.metrics import read_details, write_metrics
from distil.report.charts.canvas import Chart, render_svg
from stages.report import Draw, read_study, write_report


def in_words(charts: Sequence[Chart], _reports: Path) -> dict[Chart, str]:
    """What each chart shows in words, in place of drawing it, which takes seconds."""
    return {chart: f'<svg role="img" aria-label={quoteattr(chart.description)}></svg>' for chart in charts}


def on_the_page(charts: Sequence[Chart], _reports: Path) -> dict[Chart, str]:
    """Each chart as the page has it; no PNG."""
    return {chart: render_svg(chart) for chart in charts}


def write_report_on(arguments: Sequence[Path], draw: Draw = in_words) -> None:
    """Write the report as the stage does from these paths, with its charts drawn only as far as a test looks at them.

    Where a study has what a chart may not expect, they have to be drawn.
    """
    *read, reports = arguments
    write_report(read_study(*read), reports, draw)


class Tags(HTMLParser):
    """What a browser would find in a page: its elements, attributes and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def read_page(project: Path) -> Tags:
    return Tags((project / "reports/index.html").read_text(encoding="utf-8"))


def assert_inert(page: Tags) -> None:
    assert not {"script", "img", "iframe", "object", "embed", "form", "b"} & set(page.elements)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    links = [value for name, value in page.attributes if name in ("src", "href", "xlink:href", "action", "data")]
    assert all(link.startswith(("#", "data:,")) for link in links), links
    assert any("default-src 'none'" in value for name, value in page.attributes if name == "content")


def read_table(project: Path) -> str:
    return (project / "reports/table.txt").read_text(encoding="utf-8")


def read_head(html: str) -> str:
    """What stands above the sections of the page."""
    return html.partition("</header>")[0]


def read_front_matter(project: Path) -> dict[str, object]:
    _, front, _ = read_card(project).split("---\n", 2)
    loaded: dict[str, object] = yaml.safe_load(front)
    return loaded


def change_params(project: Path, **sections: dict[str, object]) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    for name, changes in sections.items():
        params[name] |= changes
    (project / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def read_card(project: Path) -> str:
    return (project / "reports/MODEL_CARD.md").read_text(encoding="utf-8")


def parse_card(project: Path) -> ModelCardData:
    """The front matter, as the Hub's own library reads it."""
    data = ModelCard(read_card(project)).data
    assert isinstance(data, ModelCardData)
    return data


def change_metrics(project: Path, stage: str, **changes: object) -> None:
    path = project / f"metrics/{stage}.json"
    write_metrics(path, {}, read_details(path) | changes)
