import pytest

from stages.l0_collect.crawl.robots import robots_of

PAGE = "https://example.org/private/a"


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_no_robots_allows_everything(status: int):
    assert robots_of(status, b"<h1>not found</h1>", "mybot").may_fetch(PAGE)


@pytest.mark.parametrize("status", [429, 500, 503, None])
def test_a_robots_that_does_not_come_allows_nothing(status: int | None):
    found = robots_of(status, b"", "mybot", "time_out")
    assert not found.may_fetch(PAGE)
    assert found.refusal.startswith("robots_unreachable")


def test_the_longest_rule_of_our_group_counts():
    text = b"User-agent: *\nDisallow: /\n\nUser-agent: MyBot\nDisallow: /private/\nAllow: /private/a$\nCrawl-delay: 2\n"
    found = robots_of(200, text, "mybot")
    assert found.may_fetch("https://example.org/public")
    assert found.may_fetch(PAGE)
    assert not found.may_fetch(PAGE + "/b")
    assert found.delay == 2
    assert not robots_of(200, text, "other").may_fetch("https://example.org/public")


def test_only_the_first_500_kib_are_read():
    text = b"User-agent: *\nAllow: /\n" + b"#" * (500 << 10) + b"\nDisallow: /\n"
    assert robots_of(200, text, "mybot").may_fetch(PAGE)


def test_ten_thousand_rules_are_read():
    rules = "".join(f"Disallow: /a*{number}*b$\n" for number in range(10_000))
    found = robots_of(200, f"User-agent: *\n{rules}".encode(), "mybot")
    assert not found.may_fetch("https://example.org/a7777xb")
    assert found.may_fetch("https://example.org/" + "a" * 1000)


def test_a_delay_that_nobody_can_keep_is_a_refusal():
    found = robots_of(200, b"User-agent: *\nCrawl-delay: 86400\n", "mybot")
    assert found.refusal == "crawl_delay: 86400 s, and 300 at most"


def test_agents_that_train_count_only_where_they_are_named():
    everybody = robots_of(200, b"User-agent: *\nDisallow: /private/\n", "mybot")
    assert everybody.turns_away(PAGE) == ""
    named = robots_of(200, b"User-agent: GPTBot\nUser-agent: CCBot\nDisallow: /\n\nUser-agent: *\nAllow: /\n", "mybot")
    assert named.may_fetch(PAGE)
    assert named.turns_away(PAGE) == "ccbot"


def test_license_usage_and_sitemaps():
    found = robots_of(
        200, b"License: https://example.org/rsl.xml\nUser-agent: *\nContent-Usage: train-ai=n\nSitemap: /map.xml\n", "m"
    )
    assert (found.license, found.usage, found.sitemaps) == (
        "https://example.org/rsl.xml", ["train-ai=n"], ["/map.xml"]
    )  # fmt: skip
