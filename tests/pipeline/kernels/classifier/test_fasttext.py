"""The library is the reference: the same model file, the same texts, the same probabilities."""

import struct
import time
from itertools import pairwise

import fasttext
import numpy as np
import pyarrow as pa
import pytest

from pipeline.kernels.classifier.fasttext import load_classifier
from pipeline.kernels.classifier.fasttext_file import ModelError, read_model_file

TOPICS = {
    "river": "the river ran north past the old mill and the ferry until spring",
    "court": "the court held that the statute did not apply to the appellant",
    "maths": "let the group act on the set then every orbit divides its order",
    "straße": "die straße führte über die brücke in die stadt zurück",
}
TEXTS = [
    *TOPICS.values(), "the river held court over the set", "unknownword andanother überbrückung 中文字符 日本", "",
    " \n ", "\n", "the </s> court statute", "</s>", "</s>x the", "a __label__river b __label__none c __label__",
    "__label__", "the\0river\vran\fnorth\r", "é", "\u00a0 the", "ẞ🙂x 🙂", "the " * 300, "x" * 1500, "court", "Court,",
    "die\nstraße\n\nführte\n",
]  # fmt: skip


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    generator = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("lines") / "lines.txt"
    with path.open("w") as file:
        for number in range(400):
            topic = sorted(TOPICS)[number % len(TOPICS)]
            words = generator.permutation([*TOPICS[topic].split(), f"n{number % 97}", "and", "the"])
            file.write(f"__label__{topic} {' '.join(words)}\n")
    return path


@pytest.fixture(scope="module")
def two_classes(lines):
    path = lines.with_name("two.txt")
    path.write_text(lines.read_text().replace("__label__court", "__label__river").replace("maths", "straße"))
    return path


def train(path, **settings):
    defaults = {"dim": 8, "epoch": 5, "lr": 0.5, "minCount": 1, "bucket": 3000, "thread": 1, "verbose": 0}
    return fasttext.train_supervised(str(path), **(defaults | settings))


def reference(model, labels, texts):
    """P(label) of each text as the library gives it; nan where it says nothing. It keeps back what is below 1e-5."""
    result = np.full((len(texts), len(labels)), np.nan)
    for row, text in enumerate(texts):
        found = dict(zip(*model.predict(text.replace("\n", " "), k=-1), strict=True))
        if found:
            result[row] = [found.get(label, 0) for label in labels]
    return result


def assert_same(model, path, tolerance=5e-5, texts=TEXTS):
    """The tolerance is the library's own error: it sums in float32."""
    model.save_model(str(path))
    classifier = load_classifier(path)
    assert sorted(classifier.labels) == sorted(model.get_labels())
    expected = reference(model, classifier.labels, texts)
    assert np.nanmax(expected) - np.nanmin(expected) > 0.3  # the model has learned something worth comparing
    np.testing.assert_allclose(classifier.probabilities(pa.array(texts)), expected, atol=tolerance)
    sliced = pa.array(["before", *texts, "after"]).slice(1, len(texts))
    np.testing.assert_allclose(classifier.probabilities(sliced), expected, atol=tolerance)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"wordNgrams": 3},
        {"wordNgrams": 5, "bucket": 7},
        {"minn": 2, "maxn": 4},
        {"minn": 1, "maxn": 3, "wordNgrams": 2},
        {"minn": 0, "maxn": 2, "minCount": 30},
        {"minCount": 60, "wordNgrams": 2},
        {"loss": "hs", "minn": 2, "maxn": 4, "wordNgrams": 2},
        {"loss": "hs", "dim": 2},
        {"loss": "softmax", "dim": 3, "maxn": 3},
    ],
    ids=str,
)
def test_gives_the_librarys_probabilities(lines, tmp_path, settings):
    assert_same(train(lines, **settings), tmp_path / "model.bin")


def test_two_classes_need_one_number_per_feature(two_classes, tmp_path):
    for settings in ({"wordNgrams": 3}, {"wordNgrams": 2, "maxn": 3}):
        path = tmp_path / f"{len(settings)}{settings['wordNgrams']}.bin"
        assert_same(train(two_classes, **settings), path)
        assert load_classifier(path).features.rows.shape[1] == 1
    words, logits = load_classifier(path).word_logits("__label__river")
    assert logits[words.index("court")] > 0 > logits[words.index("orbit")]


@pytest.mark.parametrize("loss", ["ova", "ns"])
def test_one_vs_all_takes_the_librarys_table_of_the_sigmoid(lines, tmp_path, loss):
    # A logit that lies on a step's edge may fall on either side of it: one step is at most 1/128.
    model = train(lines, loss=loss, wordNgrams=2, epoch=20)
    assert_same(model, tmp_path / "model.bin", tolerance=1 / 128)
    classifier = load_classifier(tmp_path / "model.bin")
    error = np.abs(classifier.probabilities(pa.array(TEXTS)) - reference(model, classifier.labels, TEXTS))
    assert np.nanmean(error > 5e-5) < 0.05


@pytest.mark.parametrize(
    "quantised", [{}, {"qnorm": True}, {"cutoff": 300}, {"cutoff": 300, "qnorm": True, "dsub": 3}], ids=str
)
def test_reads_quantised_and_pruned_models(lines, tmp_path, quantised):
    model = train(lines, wordNgrams=2, minn=2, maxn=3, dim=10)
    model.quantize(str(lines), **quantised)
    assert_same(model, tmp_path / "model.ftz")


def test_reads_a_quantised_output(tmp_path):
    path = tmp_path / "many.txt"
    path.write_text("".join(f"__label__{n % 300} word{n % 300} and x{n % 7}\n" for n in range(3000)))
    model = train(path, epoch=100, lr=1.0)
    model.quantize(str(path), qout=True)
    assert_same(model, tmp_path / "model.ftz", texts=[f"word{n} and x1" for n in range(0, 300, 7)])


def test_a_text_of_which_the_model_knows_nothing_has_no_probabilities(lines, tmp_path):
    train(lines, minCount=120).save_model(str(tmp_path / "model.bin"))
    data = (tmp_path / "model.bin").read_bytes().replace(b"</s>\0", b"<xx>\0")
    (tmp_path / "model.bin").write_bytes(data)
    classifier = load_classifier(tmp_path / "model.bin")
    assert np.isnan(classifier.probabilities(pa.array(["", None, "the"]))).all(axis=1).tolist() == [True, True, False]


def test_no_texts_give_no_rows(two_classes, tmp_path):
    train(two_classes).save_model(str(tmp_path / "model.bin"))
    assert load_classifier(tmp_path / "model.bin").probabilities(pa.array([], pa.string())).shape == (0, 2)


def test_a_changed_file_is_loaded_again(lines, two_classes, tmp_path):
    path = tmp_path / "model.bin"
    for source, labels in ((lines, 4), (two_classes, 2)):
        train(source).save_model(str(path))
        assert len(load_classifier(path).labels) == labels


@pytest.fixture(scope="module")
def model_files(lines, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    model = train(lines, wordNgrams=2, maxn=2, minn=2, bucket=300)
    model.save_model(str(folder / "model.bin"))
    model.quantize(str(lines), cutoff=300, qnorm=True)
    model.save_model(str(folder / "model.ftz"))
    return [folder / "model.bin", folder / "model.ftz"]


def test_every_truncation_is_refused(model_files, tmp_path):
    for path in model_files:
        whole = path.read_bytes()
        for length in [*range(300), *range(300, len(whole), 997), len(whole) - 1]:
            (tmp_path / "cut").write_bytes(whole[:length])
            with pytest.raises(ModelError) as error:
                read_model_file(tmp_path / "cut")
            assert "\n" not in str(error.value)
        (tmp_path / "long").write_bytes(whole + b"\0")
        with pytest.raises(ModelError, match="1 bytes follow the end"):
            read_model_file(tmp_path / "long")


def test_damaged_numbers_are_refused_or_harmless(model_files, tmp_path):
    """Every 4 bytes of the header, and random ones elsewhere, set to extremes: an error or scores, and at once."""
    generator = np.random.default_rng(0)
    texts, path, refused, started = pa.array(TEXTS[:8]), tmp_path / "damaged", 0, time.perf_counter()
    for source in model_files:
        whole = source.read_bytes()
        places = [*range(0, 96, 4), *generator.integers(96, len(whole) - 4, 40).tolist()]
        for place in places:
            for value in (-1, 0, 2**31 - 1, -(2**31), 1 << 20):
                path.write_bytes(whole[:place] + struct.pack("<i", value) + whole[place + 4 :])
                try:
                    load_classifier(path).probabilities(texts)
                except ModelError:
                    refused += 1
    assert refused > 150
    assert time.perf_counter() - started < 60


def test_word_vectors_and_other_files_are_no_classifier(lines, tmp_path):
    vectors = fasttext.train_unsupervised(str(lines), dim=4, minCount=1, bucket=100, thread=1, verbose=0)
    vectors.save_model(str(tmp_path / "v.bin"))
    (tmp_path / "t.bin").write_text("version https://git-lfs.github.com/spec/v1")
    for name, message in (("v.bin", "holds word vectors"), ("t.bin", "is no fastText model"), ("none", "No such file")):
        with pytest.raises(ModelError, match=f"{name}: .*{message}"):
            load_classifier(tmp_path / name)


def test_agrees_with_the_library_on_real_pages_of_all_languages(shared_data, two_classes, tmp_path):
    import pyarrow.json as pj

    texts = []
    for name, rows in (("wikipedia/zh", 40), ("boilerplate/uk_pages", 900), ("c4/c4_sample", 100)):
        table = pj.read_json(pa.input_stream(str(shared_data / f"{name}.jsonl.gz")), pj.ReadOptions(block_size=1 << 26))
        texts += table.column("text").to_pylist()[-rows:]
    for number, settings in enumerate(({"wordNgrams": 3, "dim": 64}, {"maxn": 5}, {"loss": "hs", "maxn": 3})):
        model = train(two_classes, bucket=20_000, epoch=1, **settings)
        path = tmp_path / f"{number}.bin"
        model.save_model(str(path))
        classifier = load_classifier(path)
        found = model.predict([text.replace("\n", " ") for text in texts], k=2)
        expected = [
            [dict(zip(labels, scores, strict=True))[label] for label in classifier.labels]
            for labels, scores in zip(*found, strict=True)
        ]
        assert np.abs(classifier.probabilities(pa.array(texts)) - np.array(expected)).max() < 1e-4


@pytest.mark.parametrize(
    "settings", [{"wordNgrams": 3}, {"minn": 2, "maxn": 4, "wordNgrams": 2}, {"minCount": 60, "wordNgrams": 2}], ids=str
)
@pytest.mark.parametrize("classes", ["lines", "two_classes"])
def test_numbered_pieces_score_like_their_text(classes, settings, tmp_path, request):
    model = train(request.getfixturevalue(classes), **settings)
    model.save_model(str(tmp_path / "model.bin"))
    classifier = load_classifier(tmp_path / "model.bin")
    pieces = [word + " " for text in TEXTS[:12] for word in text.split(" ")]
    pieces += ["", "the river", " \t", "a\vb ", "</s>", "the </s> court", "</s>x", "__label__none the", "x" * 600]
    generator = np.random.default_rng(1)
    numbers = generator.integers(0, len(pieces), 400).astype(np.int32)
    begins = np.array([0, 0, 1, 5, 30, 200, 400])
    texts = [" ".join(pieces[number] for number in numbers[a:b]) for a, b in pairwise(begins)]
    found = classifier.probabilities_of(numbers, begins, classifier.features_of(pa.array(pieces)))
    np.testing.assert_allclose(found, classifier.probabilities(pa.array(texts)), atol=1e-7)
    assert np.ptp(found[:, 0]) > 0.05


def test_a_model_of_one_class_is_not_called_damaged(lines, tmp_path):
    one = tmp_path / "one.txt"
    one.write_text("".join(f"__label__only {line.partition(' ')[2]}\n" for line in lines.read_text().splitlines()))
    train(one).save_model(str(tmp_path / "one.bin"))
    with pytest.raises(ModelError, match="knows one class only"):
        read_model_file(tmp_path / "one.bin")
