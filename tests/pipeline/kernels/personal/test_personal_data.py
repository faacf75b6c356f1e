"""Personal data: what is found, what stays, and the time that hostile text takes."""

import ipaddress
import random
import re
import time
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.personal.folding import fold
from pipeline.kernels.personal.personal_data import replace
from pipeline.kernels.personal.personal_rules import KINDS
from pipeline.kernels.utf8 import text_buffers

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
    ("müller@corp.de, josé@corp.es, Über@x.de; a.b@münchen.de", "<email>, <email>, <email>; <email>"),
    ("3\u00d7jo@corp.de, ça:éa@b.fr \u043f\u043efoo@bar.com", "3\u00d7<email>, ça:<email> \u043f\u043e<email>"),
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
    (f"sk-{SECRET[:48]}, pk-{SECRET[:40]} sk-ant-api03-{SECRET[:40]}-_{SECRET[:20]}AA", "<key>, <key> <key>"),
    ("sk-or-v1-" + "0af9" * 16 + ".", "<key>."),
    ("+33 1 23 45 67 89 12 rue", "<phone> 12 rue"),
    ("+33 (0)1 23 45 67 89/+49 30/901820", "<phone>/+49 30/901820"),
    ("+49 30/901820; +44 20 - 7946 - 0958", "<phone>; <phone>"),
    ("+1 202 555 0100 ext. 17, +1 202 555 0100x17 +12025550100 #5", "<phone>, <phone> <phone>"),
    ("+1 202 555 0100 2024", "<phone> 2024"),
    ("jo@corp.de:hunter2 jo@corp.de:8080/x jo@corp.de: no", "<email>:hunter2 <email>:8080/x <email>: no"),
    ("jo@163.com", "<email>"),
    ("Server 88.8.8.8, conversion 88.8.8.8", "Server <ipv4>, conversion <ipv4>"),
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
    "/articles/sk-2024-01-02-the-long-title-of-the-article pk-2024-another-very-long-title-of-an-article",
    "sk-proj-2024-10-why-internationalization-takes-so-long sk-4f1c2e9a-0b1d-4c3e-8f7a-123456789abc",
    "d41d8cd98f00b204e9800998ecf8427e 123e4567-e89b-12d3-a456-426614174000",
    "git@github.com:org/repo.git ssh://git@corp.org/x me@host.org:/var/www root@host.org:~ u@host.org:src/main.c",
    "vue@2.6.14 logo@1.5x.png lib@1.2.3.min.js lib@1.0.0-beta.rc @media screen",
    "version 88.77.66.55, Version: 88.77.66.55 v.88.77.66.55 Browser/99.0.88.77 Firmware 88.77.66.55",
    "+12 345 678 90, +1 999 999 9999, +49 1",
    "GB82 1234 5698 7654 3200 00 DE00 3704 0044 0532 0130 00",
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


WRITTEN = {
    "+": ["+", "\uff0b", "&#43;", "&plus;", "&#x2B;"],
    "@": ["@", "\uff20", "&#64;", "&commat;", "&#x40;", "&amp;#64;", "\ufe6b"],
    ".": [".", "\uff0e", "&#46;", "&period;"],
    " ": [
        " ",
        "\u00a0",
        "\u202f",
        "\u2009",
        "\u2007",
        "\u3000",
        "&nbsp;",
        "&#160;",
        "&amp;nbsp;",
        "&#xA0;",
        "&thinsp;",
    ],
    "-": ["-", "\u2011", "\u2013", "\u2212", "&ndash;", "&#8211;"],
}
HIDDEN = ["", "", "", "\u200b", "\u00ad", "\u2060", "&shy;"]
DIGITS = [*[0x30] * 6, 0xFF10, 0x660, 0x966]
SOUGHT = {
    "phone": ["+33 1 23 45 67 89", "+44 20-7946-0958", "+4930901820", "+1 (202) 555-0100", "+86 138 0013 8000"],
    "email": ["jo.doe@mail.corp.de", "info@corp.org"],
    "ipv4": ["88.77.66.55"],
    "card": ["4111 1111 1111 1111", "3782-822463-10005"],
    "iban": ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"],
}


@st.composite
def written(draw) -> tuple[str, str, str]:
    """A kind, one of its forms, and the same as a page may have it."""
    kind = draw(st.sampled_from(list(SOUGHT)))
    plain = draw(st.sampled_from(SOUGHT[kind]))
    zero, letters = draw(st.sampled_from(DIGITS)), draw(st.sampled_from([0, 0, 0xFEE0]))
    one_dash = draw(st.sampled_from(WRITTEN["-"][1:])) if kind == "card" else None
    signs = []
    for sign in plain:
        if sign == "-":
            signs.append(one_dash or draw(st.sampled_from(WRITTEN["-"])))
        elif sign in WRITTEN:
            signs.append(draw(st.sampled_from(WRITTEN[sign])))
        elif sign.isdigit():
            signs.append(chr(zero + int(sign)))
        else:
            signs.append(chr(ord(sign) + letters) if sign.isalpha() else sign)
        signs.append(draw(st.sampled_from(HIDDEN)))
    return kind, plain, "".join(signs[:-1])


@settings(max_examples=200, deadline=None)
@given(written(), st.sampled_from(["Tel: ", "\u3042", "\u202a", "é & ", "\u2013 ", "&lt;"]))
def test_other_ways_to_write_a_sign_hide_nothing(variant: tuple[str, str, str], before: str) -> None:
    kind, plain, page = variant
    for text in (plain, page):
        assert marked(f"{before}{text}\u202c \u00e9&nbsp;x") == f"{before}<{kind}>\u202c \u00e9&nbsp;x"


def test_only_what_is_found_changes() -> None:
    plain = ["caf\u00e9\u00a0&nbsp;\u200b", None, "\uff11\uff12", "&#64; &#x; &#9999999; &am", "x"]
    texts = [*plain, "a\u00a0jo&#64;corp.de\u00a0b"]
    found, changed = replace(pa.array(["-", *texts])[1:], MARKS)
    assert found.to_pylist() == [text and text.replace("jo&#64;corp.de", "<email>") for text in texts]
    assert changed == {"email": 1}


pieces = st.sampled_from([*"a1@.+& #;x\u00a0\u200b\u00e9\uff11\uff20\U0001f600", "&#64;", "&nbsp;"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(pieces, max_size=20).map("".join), max_size=4))
def test_folding_is_undone_beside_what_is_found(texts: list[str]) -> None:
    data, offsets = text_buffers(pa.array(texts, pa.string()))
    folded = fold(data, offsets)
    expected = [plain_fold(text) for text in texts]
    if folded is None:
        assert expected == texts
        return
    ends = folded.offsets.tolist()
    assert [bytes(folded.data[a:b]).decode() for a, b in pairwise(ends)] == expected
    places = np.arange(ends[-1])
    starts, stops = folded.starts(places), folded.stops(places + 1)
    for place, low, high in zip(places, starts, stops, strict=True):
        assert plain_fold(bytes(data[low:high]).decode("latin-1"), raw=True) in (chr(folded.data[place]), None)


def plain_fold(text: str, raw: bool = False) -> str | None:
    """The same with Python's own tables, for the signs of that test."""
    if raw:
        try:
            text = text.encode("latin-1").decode()
        except UnicodeDecodeError:
            return None  # one byte of a sign that stays
    others = {"&#64;": "@", "&nbsp;": " ", "\u00a0": " ", "\uff11": "1", "\uff20": "@", "\u200b": ""}
    for entity, sign in others.items():
        text = text.replace(entity, sign)
    return text


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
    "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\na\n", "é@", "1é", "&", "&amp;", "&#6", "&#64;",
    "\u00a0", "1\u00a0", "\u200b", "a@b.cc:", "a@b.cc:a", "+44 20 7946 0958 ", "v ", "version ",
)  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    text = pa.array([piece * (100_000 // len(piece.encode()))])
    replace(text, MARKS)
    times = []
    for _ in range(5):
        started = time.process_time()
        replace(text, MARKS)
        times.append(time.process_time() - started)
    assert min(times) < 0.05
