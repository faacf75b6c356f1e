import pytest

from stages.l0_collect.crawl.part import Part, site_of


@pytest.mark.parametrize(
    ("name", "site"),
    [
        ("www.docs.example.org", "example.org"), ("example.org", "example.org"), ("a.example.co.uk", "example.co.uk"),
        ("127.0.0.2", "127.0.0.2"), ("[2001:db8::1]", "2001:db8::1"), ("localhost", "localhost"),
    ],
)  # fmt: skip
def test_hosts_of_one_site_have_one_worker(name: str, site: str):
    assert site_of(name) == site


def test_each_url_has_one_owner_whatever_its_scheme_and_subdomain():
    parts = [Part(index, 3) for index in range(3)]
    for number in range(50):
        owners = {
            [part.owns(f"{start}site{number}.example/{number}") for part in parts].index(True)
            for start in ("http://", "https://www.", "https://blog.")
        }
        assert len(owners) == 1
        assert sum(part.owns(f"http://site{number}.example/") for part in parts) == 1


def test_lots_say_whose_they_are():
    assert [Part(index, 3).lot_name(7) for index in range(2)] == ["lot-000007", "lot-p001-000007"]
    assert Part(0, 3).is_own("lots/lot-000007.json")
    assert not Part(0, 3).is_own("lots/lot-p001-000007.json")
    assert Part(1, 2).is_own("lots/lot-p001-000007.json")
