"""The compiled hash against a plain MurmurHash3 x64 128."""

import random
from struct import unpack

import pyarrow as pa

from pipeline.kernels.hashes import normalise, text_hashes

M = (1 << 64) - 1


def plain_hash(data: bytes) -> tuple[int, int]:
    """Austin Appleby's MurmurHash3_x64_128, seed 0."""
    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F

    def rotate(value: int, by: int) -> int:
        return (value << by | value >> (64 - by)) & M

    def final(value: int) -> int:
        value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD & M
        value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53 & M
        return value ^ value >> 33

    h1 = h2 = 0
    whole = len(data) // 16 * 16
    for place in range(0, whole, 16):
        k1, k2 = unpack("<QQ", data[place : place + 16])
        h1 ^= rotate(k1 * c1 & M, 31) * c2 & M
        h1 = ((rotate(h1, 27) + h2) * 5 + 0x52DCE729) & M
        h2 ^= rotate(k2 * c2 & M, 33) * c1 & M
        h2 = ((rotate(h2, 31) + h1) * 5 + 0x38495AB5) & M
    k1, k2 = unpack("<QQ", data[whole:].ljust(16, b"\0"))
    h2 ^= rotate(k2 * c2 & M, 33) * c1 & M
    h1 ^= rotate(k1 * c1 & M, 31) * c2 & M
    h1, h2 = h1 ^ len(data), h2 ^ len(data)
    h1 = (h1 + h2) & M
    h2 = (h2 + h1) & M
    h1, h2 = final(h1), final(h2)
    h1 = (h1 + h2) & M
    return h1, (h2 + h1) & M


def test_hash_is_murmur_of_the_normalised_text():
    assert plain_hash(b"The quick brown fox jumps over the lazy dog") == (0xE34BBC7BBC071B6C, 0x7A433CA9C49A9347)
    draw = random.Random(1)
    texts = ["", " ", "a", " A  b\n", "x" * 16, "x" * 15 + " y", "x" * 16 + "  y ", "Ünïcode  TEXT"]
    texts += ["".join(draw.choices("aZ \t\né", k=draw.randrange(80))) for _ in range(300)]
    found = text_hashes(pa.array(texts)).tolist()
    assert found == [list(plain_hash(normalise(text).encode())) for text in texts]
