import pytest

from stages.l0_collect.crawl.opt_outs import of_page

URL = "https://example.org/news/1"


@pytest.mark.parametrize(
    ("name", "value", "kinds"),
    [
        ("X-Robots-Tag", "noindex, nofollow", ["noindex"]),
        ("x-robots-tag", "NoAI, noimageai", ["noai", "noimageai"]),
        ("X-Robots-Tag", "none", ["noindex"]),
        ("X-Robots-Tag", "mybot: noai", ["noai"]),
        ("X-Robots-Tag", "otherbot: noai", []),
        ("X-Robots-Tag", "unavailable_after: 25 Jun 2030 15:00:00 PST", []),
        ("tdm-reservation", "1", ["tdm_reservation"]),
        ("tdm-reservation", "0", []),
        ("Content-Usage", "train-ai=n", ["train_ai"]),
        ("Content-Usage", "train-ai=y, search=n", []),
        ("Content-Signal", "search=yes, ai-train=no", ["train_ai"]),
    ],
)
def test_headers(name: str, value: str, kinds: list[str]):
    assert [one.kind for one in of_page(URL, [(name, value)], {}, "mybot")] == kinds


def test_meta_elements_of_all_and_of_our_own_name():
    metas = {"robots": "index, noai", "mybot": "noindex", "otherbot": "noindex", "tdm-reservation": "1"}
    assert [one.kind for one in of_page(URL, [], metas, "MyBot")] == ["noai", "noindex", "tdm_reservation"]
