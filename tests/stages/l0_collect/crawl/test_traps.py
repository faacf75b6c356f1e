import random

from stages.l0_collect.crawl.traps import WINDOW, Monitor, sketch_of, words_of

WORDS = [
    a + b + c
    for a in ("ba", "ko", "ri", "tu", "ne")
    for b in ("lo", "mi", "sta", "ru")
    for c in ("an", "os", "ip", "ex")
]


def text(seed: int) -> str:
    chosen = random.Random(seed)
    return " ".join(chosen.choice(WORDS) for _ in range(150))


def verdict(pages: list[tuple[int, int, str]]) -> tuple[str, int]:
    """(reason, pages until then)"""
    monitor = Monitor()
    for number, (links, new, content) in enumerate(pages):
        if reason := monitor.observe(links, new, sketch_of(words_of(content))):
            return reason, number + 1
    return "", len(pages)


def test_pages_that_repeat_each_other_and_never_end():
    month = "nothing happens here in month {} please look at another month of this calendar or come back later " * 3
    pages = [(4, 2, month.format(number, number, number)) for number in range(200)]
    assert verdict(pages) == ("near_duplicates", WINDOW)


def test_pages_that_repeat_each_other_but_lead_nowhere_new():
    assert verdict([(4, 0, "the same page again and again")] * 200) == ("", 200)


def test_a_tree_without_navigation():
    assert verdict([(6, 6, text(number)) for number in range(200)]) == ("endless_tree", WINDOW)


def test_a_growing_site_with_navigation():
    assert verdict([(30, 20, text(number)) for number in range(400)]) == ("", 400)


def test_a_tree_that_ends():
    pages = [(6, 6 if number < 40 else 0, text(number)) for number in range(200)]
    assert verdict(pages) == ("", 200)


def test_a_monitor_that_forgets_begins_anew():
    monitor = Monitor()
    for number in range(WINDOW - 1):
        assert not monitor.observe(6, 6, sketch_of(words_of(text(number))))
    monitor.forget()
    assert not monitor.observe(6, 6, sketch_of(words_of(text(0))))
