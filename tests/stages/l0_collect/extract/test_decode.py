# ruff: noqa: RUF001  the letters of other languages are meant
"""Bytes of pages as text: what they say they are, what they are, and what is no text at all."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l0_collect.extract.decode import Undecodable, decode

SENTENCES = {
    "ru": "Старая гавань хранит небольшой музей морских приборов. Каждую весну добровольцы чистят секстанты.",
    "uk": "Стара гавань зберігає невеликий музей морських приладів. Щовесни добровольці чистять латунні секстанти.",
    "ja": "古い港には小さな海洋計器の博物館があります。毎年春になると、ボランティアが六分儀を磨きます。",
    "ko": "오래된 항구에는 작은 해양 기기 박물관이 있습니다. 매년 봄마다 자원봉사자들이 놋쇠 육분의를 닦습니다.",
    "zh": "老港口有一个小型海洋仪器博物馆。每年春天，志愿者们都会在客人到来之前擦亮黄铜六分仪。这里的历史很悠久。",
    "zh-tw": "老港口有一個小型海洋儀器博物館。每年春天，志願者們都會在客人到來之前擦亮黃銅六分儀。這裡的歷史很悠久。",
    "de": "Der alte Hafen bewahrt ein Museum für Schiffsgeräte. Jedes Frühjahr putzen Freiwillige sie: schön, groß.",
    "pl": "Stary port przechowuje małe muzeum przyrządów morskich. Każdej wiosny ochotnicy czyszczą sekstanty.",
    "cs": "Starý přístav uchovává malé muzeum námořních přístrojů. Každé jaro dobrovolníci čistí mosazné sextanty.",
    "el": "Το παλιό λιμάνι φιλοξενεί ένα μικρό μουσείο ναυτικών οργάνων. Κάθε άνοιξη οι εθελοντές τα καθαρίζουν.",
    "tr": "Eski liman küçük bir denizcilik müzesine ev sahipliği yapıyor. Her bahar gönüllüler ışıkları temizliyor.",
    "he": "הנמל הישן שומר על מוזיאון קטן של מכשירים ימיים. בכל אביב מתנדבים מנקים את הסקסטנטים לפני בוא האורחים.",
    "ar": "يحتفظ الميناء القديم بمتحف صغير للأدوات البحرية. في كل ربيع ينظف المتطوعون الأدوات النحاسية.",
}
ENCODINGS = {
    "ru": ["cp1251", "koi8-r", "iso8859-5"],
    "uk": ["cp1251", "koi8-u"],
    "ja": ["euc_jp", "cp932", "iso2022_jp"],
    "ko": ["cp949"],
    "zh": ["gb18030"],
    "zh-tw": ["big5"],
    "de": ["cp1252"],
    "pl": ["cp1250", "iso8859-2"],
    "cs": ["cp1250", "iso8859-2"],
    "el": ["cp1253", "iso8859-7"],
    "tr": ["cp1254"],
    "he": ["cp1255"],
    "ar": ["cp1256"],
}
WRITTEN = [(lang, name) for lang, names in ENCODINGS.items() for name in names]


def page(text: str, head: str = "") -> str:
    return f"<html><head>{head}<title>T</title></head><body><p>{text}</p></body></html>"


@pytest.mark.parametrize(
    ("page", "content_type", "text"),
    [
        ("käse".encode(), "", "käse"),
        ("käse".encode(), "text/html; charset=iso-8859-1", "käse"),
        ("käse“".encode("cp1252"), "text/html; charset=ISO-8859-1", "käse“"),
        (b"<meta charset='windows-1251'>" + "привет".encode("cp1251"), "", "<meta charset='windows-1251'>привет"),
        ("\ufeffkäse".encode("utf-16"), "text/html; charset=utf-8", "\ufeffkäse"),
        ("käse".encode("utf-32"), "", "käse"),
        ("日本".encode("shift_jis"), 'text/html; charset="Shift_JIS"', "日本"),
        ("日本".encode("iso2022_jp"), "text/html; charset=iso-2022-jp", "日本"),
        ("日本".encode("iso2022_jp"), "", "日本"),
        ("日本①".encode("euc_jis_2004"), "text/html; charset=euc-jp", "日本①"),
        ("käse".encode("latin-1"), "text/html; charset=utf-8", "käse"),
        ("käse".encode("latin-1"), "text/html; charset=x-user-defined", "käse"),
        ("käse".encode(), "text/html; charset=utf-7", "käse"),
        ("käse".encode(), "text/html; charset=rot13", "käse"),
        ("käse".encode("latin-1"), "text/html; charset=no-such-thing", "käse"),
        (b"", "", ""),
    ],
)  # fmt: skip
def test_small_pages(page: bytes, content_type: str, text: str) -> None:
    assert decode(page, content_type) == text


@pytest.mark.parametrize(("lang", "encoding"), [*WRITTEN, *[(lang, "utf-8") for lang in SENTENCES]])
@pytest.mark.parametrize("said", ["its own", "", "utf-8", "iso-8859-1", "windows-1251", "nonsense"])
def test_what_a_page_is_counts_more_than_what_it_says(lang: str, encoding: str, said: str) -> None:
    said = encoding if said == "its own" else said
    html = page(SENTENCES[lang])
    assert decode(html.encode(encoding), f"text/html; charset={said}" if said else "text/html") == html
    meta = f"<meta http-equiv=Content-Type content='text/html; charset={said}'>" if said else ""
    html = page(SENTENCES[lang], meta)
    assert decode(html.encode(encoding), "text/html") == html


@pytest.mark.parametrize("lang", SENTENCES)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
def test_utf_16_with_and_without_its_mark(lang: str, encoding: str) -> None:
    html = page(SENTENCES[lang])
    assert decode(html.encode(encoding), "text/html; charset=utf-8") == html


@pytest.mark.parametrize(
    "head",
    [
        '<!-- <meta charset="utf-8"> --><meta charset="{}">',
        '<!-- <meta charset="iso-8859-1"> --><meta charset={}>',
        "<script>var s = '<meta charset=\"iso-8859-2\">'; var t = 1 < 2;</script><meta charset='{}'>",
        "<style>/* <meta charset=koi8-r> */</style><META HTTP-EQUIV=Content-Type CONTENT='text/html; charset={}'>",
        "<script>" + "x = 1;\n" * 5000 + "</script><meta charset={}>",
        "<!--" + " " * 3000 + "--><meta name=a content=b><meta  charset = {} >",
    ],
)
def test_only_a_real_meta_tag_names_the_encoding(head: str) -> None:
    # Too short to guess from: only what is declared can tell.
    html = page("Цена", head.format("windows-1251"))
    assert decode(html.encode("cp1251"), "text/html") == html


def test_xml_declaration() -> None:
    html = '<?xml version="1.0" encoding="windows-1251"?>' + page("Цена")
    assert decode(html.encode("cp1251"), "text/html") == html


def test_a_bad_byte_costs_one_sign() -> None:
    text = SENTENCES["ru"]
    data = page(text).encode()
    cut = data.replace("м".encode(), b"\xd0", 1)
    for said in ("text/html", "text/html; charset=utf-8", "text/html; charset=windows-1251"):
        assert decode(cut, said) == page(text.replace("м", "\ufffd", 1))


def test_a_letter_cut_at_the_end_of_an_english_page() -> None:
    data = page("A long page in English").encode() + "…".encode()[:2]
    assert decode(data, "text/html; charset=utf-8") == page("A long page in English") + "\ufffd"


def test_windows_quotes_in_an_english_page_without_a_label() -> None:
    html = page("It’s a “small” museum – by the sea…")
    for said in ("", "; charset=utf-8", "; charset=iso-8859-1", "; charset=us-ascii"):
        assert decode(html.encode("cp1252"), "text/html" + said) == html


@pytest.mark.parametrize("times", [1, 3, 50])
@pytest.mark.parametrize("said", ["", "; charset=utf-8"])
@pytest.mark.parametrize("text", ["The harbour’s museum is the keeper’s. ", "It costs £5, and “yes” – it is… open. "])
def test_signs_of_windows_are_no_korean(text: str, said: str, times: int) -> None:
    html = page(text * times)
    assert decode(html.encode("cp1252"), "text/html" + said) == html


@pytest.mark.parametrize("start", ["<p>", "\n\n<html><body><p>", "\r\n <!DOCTYPE html><p>", "<?xml version='1.0'?><p>"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_and_with_little_markup(start: str, encoding: str) -> None:
    html = start + "老港口有一座小型航海仪器博物馆。" * 9
    assert decode(html.encode(encoding), "text/html; charset=utf-8") == html


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        ("老港口有一座小型航海仪器博物馆。每年春天志愿者们在游客到来之前擦亮黄铜六分仪。", "gb18030", "big5"),
        ("随着信息技术的发展，网络已经成为人们生活中不可缺少的一部分。", "gb2312", "big5"),
        ("老港口有一座小型航海儀器博物館。每年春天志願者們在遊客到來之前擦亮黃銅六分儀。", "big5", "gb2312"),
        ("隨著資訊科技的發展，網路已經成為人們生活中不可或缺的一部分。", "big5", "gbk"),
        ("隨著資訊科技的發展，網路已經成為人們生活中不可或缺的一部分。", "gbk", "gb2312"),  # in China's table
    ],
)
def test_chinese_under_the_label_of_the_other_table(text: str, encoding: str, said: str, times: int) -> None:
    html = page(text * times, f"<meta charset={said}>")
    assert decode(html.encode(encoding), "text/html") == html


@pytest.mark.parametrize("lang", ["ja", "ko", "zh", "ru"])
def test_a_declared_table_survives_a_bad_byte(lang: str) -> None:
    encoding = ENCODINGS[lang][0]
    data = page(SENTENCES[lang] * 5).encode(encoding) + b"\xff\xff"
    text = decode(data, f"text/html; charset={encoding}")
    assert text.startswith(page(SENTENCES[lang] * 5))


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xe0\x00\x10JFIF" + random.Random(0).randbytes(5000),
        b"%PDF-1.4\n" + random.Random(1).randbytes(5000),
        page("\ufffd\ufffd\ufffd\ufffd " * 30).encode(),  # broken before it was sent
        page("Gr\ufffd\ufffdte " * 30).encode(),
        b"\xff\xfe" + b"\x00\xd8" * 500,
    ],
)
def test_what_is_no_text_is_undecodable(data: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(data, "text/html; charset=utf-8")


@settings(max_examples=200, deadline=None)
@given(
    written=st.sampled_from(WRITTEN),
    words=st.integers(0, 6),
    repeats=st.integers(1, 5),
    said=st.sampled_from(["", "utf-8", "iso-8859-1", "windows-1252"]),
    comment=st.sampled_from(["", "<!-- <meta charset=utf-8> -->", "<script>'<meta charset=koi8-r>'</script>"]),
)
def test_any_text_in_any_table_under_any_label(
    written: tuple[str, str], words: int, repeats: int, said: str, comment: str
) -> None:
    lang, encoding = written
    text = SENTENCES[lang].split(" ")
    html = page(" ".join(text[words:] + text[:words]) * repeats, comment)
    assert decode(html.encode(encoding), f"text/html; charset={said}" if said else "text/html") == html


@settings(max_examples=200, deadline=None)
@given(
    lang=st.sampled_from([lang for lang in SENTENCES if lang != "de"]),
    places=st.lists(st.integers(0, 10_000), min_size=1, max_size=2),
    said=st.sampled_from(["", "; charset=utf-8", "; charset=iso-8859-1"]),
)
def test_damaged_utf_8_stays_utf_8(lang: str, places: list[int], said: str) -> None:
    html = page(SENTENCES[lang] * 3)
    data = bytearray(html.encode())
    for place in places:
        data[place % len(data)] = 0xFF
    text = decode(bytes(data), "text/html" + said)
    assert 1 <= text.count("\ufffd") <= 2 * 3
    assert len(set(html) - set(text)) <= 4
