"""Personal data: what is found, what stays, and the time that hostile text takes."""

import ipaddress
import random
import re
import time

import pyarrow as pa
import pytest

from pipeline.kernels.personal.personal_data import replace
from pipeline.kernels.personal.personal_rules import KINDS

MARKS = [f"<{kind}>" for kind in KINDS]
SECRET = "a1B2" * 25


def marked(text: str, *only: str) -> str:
    marks = [mark if not only or kind in only else None for kind, mark in zip(KINDS, MARKS, strict=True)]
    return replace(pa.array([text]), marks)[0][0].as_py()


FOUND = [
    ("Write to jo.doe+list@mail.corp.de.", "Write to <email>."),
    ("Art @ jo@corp.co.uk, <x_1@a-b.org>", "Art @ <email>, <<email>>"),
    ("邮箱foo@bar.com电话+8613800138000。", "邮箱<email>电话<phone>。"),
    ("https://user:word@corp.org/x", "https://user:<email>/x"),
    ("a@b.com,c@d.com", "<email>,<email>"),
    ("IP:88.8.8.8.", "IP:<ipv4>."),
    ("http://99.9.9.9:80/ and 11.1.1.1/24", "http://<ipv4>:80/ and <ipv4>/24"),
    ("[2a00:1450:4001:81b::200e]:443", "[<ipv6>]:443"),
    ("2606:4700:0:0:0:0:0:1111: yes", "<ipv6>: yes"),
    ("call +49 (30) 901820-12 now", "call <phone> now"),
    ("tel:+1 (646) 842-2393", "tel:<phone>"),
    ("+44.20.7946.0958", "<phone>"),
    ("4111 1111 1111 1111, 3782-822463-10005", "<card>, <card>"),
    ("card 5555555555554444.", "card <card>."),
    ("6011 1111 1111 1117\n30569309025904", "<card>\n<card>"),
    ("DE89 3704 0044 0532 0130 00 and GB82WEST12345698765432", "<iban> and <iban>"),
    ("IBAN:FR14 2004 1010 0505 0001 3M02 606.", "IBAN:<iban>."),
    ("key=AKIAIOSFODNN7EXAMPLE;", "key=<key>;"),
    (f"ghp_{SECRET[:36]} glpat-{SECRET[:20]}", "<key> <key>"),
    (f"AIza{SECRET[:35]}, hf_{'aB' * 17}", "<key>, <key>"),
    (f"github_pat_{SECRET[:82]}", "<key>"),
    (f"sk-proj-{SECRET[:40]} and sk_live_{SECRET[:24]}", "<key> and <key>"),
    ("xoxb-123456789012-abcdefABCDEF", "<key>"),
    ("x\n-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128\n\nab+/=\n-----END RSA PRIVATE KEY-----\ny", "x\n<key>\ny"),
    ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nab\n-----END PGP PRIVATE KEY BLOCK-----", "<key>"),
]
STAYS = [
    "mail at corp.de, @handle, a@b, a@b.c, a.@b.com, a@-b.com, logo@2x.png, @b.com",
    f"{'a' * 65}@corp.de a@{'b' * 64}.com",
    "jo@example.com, jo@mail.example.org",
    "10.0.0.1 127.0.0.1 192.168.1.1 172.16.0.1 169.254.1.1 100.64.0.1 192.0.2.7 198.51.100.7 203.0.113.7 224.0.0.1",
    "v88.8.8.8 88.8.8.8.8 8.6.8.6 256.8.8.8 088.8.8.8 88.8.8 lib-88.8.8.8 88.8.8.8.tar.gz 88.8.8.8-beta 88.8.8.8a",
    "2001:db8::1 fe80::1 ::1 fd00::1:2 2001:0:1::2 3fff:1:2::3 10:20:30 std::a 2600:: 2001:4860:1:: 2600:1:2::3::4",
    "2600:1:2:3:4:5:6:7:8 2600:1:2::12345 x2600:1:2::3 2600:1:2::3g",
    "(020) 7946 0958, 1+100200300, x=+100200300, +12 345 678, +3.14159265358979, +0123456789, +100 000 000",
    "+44 20 7946 0958 1234567, +1 146 842 2393 1, ++4420794609581",
    "4111 1111 1111 1112, 1234567812345670, 4111-1111 1111-1111, 41 11 11 11 11 11 11 11, 12 4111 1111 1111 1111",
    "?id=4111111111111111 /4111111111111111 4111111111111111a 4111111111111111-1 0.4111111111111111",
    "DE89 3704 0044 0532 0130 01, DE89 3704 0044 0532 0130 0, XDE89370400440532013000, DE893704004405320130001",
    "de89370400440532013000 ZZ89370400440532013000 A1 B2C3",
    f"AKIAIOSFODNN7EXAMPL AKIAIOSFODNN7EXAMPLES xAKIAIOSFODNN7EXAMPLE ghp_{SECRET[:35]} ghp_{SECRET[:37]}",
    "sk-a-class-name-of-nothing-but-letters-in-style-sheets hf_hub_download risk-12345678901234567890123456789012",
    "-----BEGIN PUBLIC KEY-----\nab\n-----END PUBLIC KEY-----",
    "-----BEGIN PRIVATE KEY-----\nab and no end",
]


@pytest.mark.parametrize(("text", "expected"), FOUND)
def test_found(text: str, expected: str) -> None:
    assert marked(text) == expected


@pytest.mark.parametrize("text", STAYS)
def test_stays(text: str) -> None:
    assert marked(text) == text


DOCUMENTATION = ipaddress.ip_network("3fff::/20")  # RFC 9637, newer than some Pythons


def luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def is_public(address: str) -> bool:
    if re.search(r"(?:^|\.)0\d", address) or len(address) < 8:
        return False
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if found.version == 6:
        groups = len(re.findall("[^:]+", address))
        return found.is_global and found not in DOCUMENTATION and groups > 2
    return found.is_global and not found.is_multicast and found not in ipaddress.ip_network("192.0.0.0/24")


def is_card(number: str) -> bool:
    digits = re.sub("[ -]", "", number)
    brand = r"""(?x) 4(\d{12}|\d{15}|\d{18}) | 5[1-5]\d{14} | (222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}
        | 35(2[89]|[3-8]\d)\d{12} | 3[47]\d{13} | (36|38|39)\d{12} | 30[0-5]\d{11}
        | (6011|64[4-9]\d|6[25]\d\d)\d{12,15}"""
    return re.fullmatch(brand, digits) is not None and luhn(digits)


GROUPED = r"\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?(?!\1\d)|\d{4}([ -])\d{6}\2\d{4,5}(?!\2?\d)"
REFERENCE = {
    "ipv4": (r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?!\w)(?!\.[a-z\d])(?!-[a-z])", is_public),
    "ipv6": (r"(?<![\w.:])[23][\da-f]{3}(?:::?[\da-f]{1,4})++(?!\w)(?!:[\w:])", is_public),
    "card": (rf"(?<![\w#+./=-])(?<!\d )(?:\d{{13,19}}|{GROUPED})(?![\w-])(?![./]\d)", is_card),
}
CARDS = ("4111 1111 1111 1111", "2720-9921-5698-9922", "5555555555554444", "3782 822463 10005", "3056 930902 5904")
NETWORKS = ("2600:1:", "2001:db8", "2001:1ff", "2001:200", "3fff:fff:", "3fff:1000:", "::", " 2600::1:1 ")
PIECES = {
    "ipv4": [*"0123456789" * 2, *"...... a-_", *["88.8.8.8"] * 4, "10.", "192.0.", "203.0.113.", "100.100."],
    "ipv6": [*"0123456789abcdef", *":::::: .g", *NETWORKS],
    "card": [*"0123456789", *" - ./a,", *(card[:stop] for card in CARDS for stop in (4, 7, None, None))],
}


@pytest.mark.parametrize("kind", REFERENCE)
def test_as_the_reference(kind: str) -> None:
    pattern, valid = REFERENCE[kind]
    draw = random.Random(7)
    texts = ["".join(draw.choices(PIECES[kind], k=draw.randrange(3, 30))) for _ in range(8000)]
    expected = [
        re.sub(pattern, lambda match: f"<{kind}>" if valid(match[0]) else match[0], text, flags=re.ASCII)
        for text in texts
    ]
    found, changed = replace(pa.array(texts), [mark if mark == f"<{kind}>" else None for mark in MARKS])
    assert found.to_pylist() == expected
    assert changed[kind] == sum(a != b for a, b in zip(texts, expected, strict=True)) > 200


def test_rows_are_apart_and_counted_once() -> None:
    texts = pa.array(["skipped 88.8.8.8", "88.8.8.8 a@b.com 99.9.9.9", None, "", "88.8.8.", "8", "a", "@b.com"])[1:]
    found, changed = replace(texts, MARKS)
    assert found.to_pylist() == ["<ipv4> <email> <ipv4>", None, "", "88.8.8.", "8", "a", "@b.com"]
    assert changed == {"email": 1, "ipv4": 1}


def test_nothing_found_gives_the_same_array() -> None:
    texts = pa.array(["nothing here", None, "1.2.3"])
    assert replace(texts, MARKS) == (texts, {})
    assert replace(texts, MARKS)[0] is texts
    assert replace(pa.array(["88.8.8.8"]), [None] * 7)[1] == {}
    assert replace(pa.array(["88.8.8.8"]), ["88.8.8.8"] * 7)[1] == {}


HOSTILE = (
    "a", "@", "a@", "a@a.", "a@bb.cc ", "a.", "1", "1.", "11.1.1.1 ", "88.8.8.8,", "2600:", "2600:1:", "2600:1:1::",
    "+", "+1", "+1 2", "+4930901820 ", "4", "4111 ", "4111-", "4111 1111 1111 1111,", "DE", "DE8", "DE89 3704 ",
    "GB82 ", "-", "_", "I", "AKIA", "sk-", "sk-a1", "ghp_", "xoxb-1", "-----", "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\na\n", "é@", "1é",
)  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    text = pa.array([piece * (100_000 // len(piece.encode()))])
    replace(text, MARKS)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        replace(text, MARKS)
        times.append(time.perf_counter() - started)
    assert min(times) < 0.05
