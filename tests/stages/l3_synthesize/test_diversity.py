from stages.l3_synthesize.diversity import diversity


def row(text: str, parent: str = "a", prompt: str = "rephrase@1") -> dict[str, str]:
    return {"text": text, "parent_id": parent, "prompt": prompt}


def test_texts_that_begin_alike_have_less_entropy():
    same = diversity([row(f"The town of {name} is old.", name) for name in "abcd"])["rephrase@1"]
    other = diversity([row(f"{name} is an old town.", name) for name in "abcd"])["rephrase@1"]
    assert (same["opener_bits"], other["opener_bits"]) == (0.0, 2.0)
    assert (same["openers"], other["openers"]) == (0.0, 1.0)
    assert same["common_opener"] == ("the town of", 4)


def test_chinese_openers_are_as_long_in_characters():
    found = diversity([row("北京是中国的首都。", "a"), row("北京是中国的城市。", "b"), row("上海是中国的城市。", "c")])
    assert found["rephrase@1"]["common_opener"] == ("北 京 是 中 国", 2)


def test_siblings_are_compared_across_prompts_and_strangers_are_not():
    text = "one two three four five six"
    found = diversity([row(text), row(text, prompt="faq@1"), row(text, parent="b"), row("seven eight", parent="b")])
    assert (found["faq@1"]["siblings"], found["faq@1"]["alike"]) == (1, 1.0)
    assert (found["rephrase@1"]["siblings"], found["rephrase@1"]["alike"]) == (2, 0.5)


def test_different_words_are_counted_of_all_words():
    assert diversity([row("a b a b")])["rephrase@1"]["distinct_words"] == 0.5
    assert diversity([row("")])["rephrase@1"]["distinct_words"] == 0.0
    assert diversity([]) == {}
