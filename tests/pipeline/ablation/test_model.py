"""The proxy model of a budget: its size, and that the seed alone decides its weights."""

from dataclasses import replace

import pytest
import torch

from pipeline.ablation.model import BUDGETS, build_model
from tests.pipeline.ablation.helpers import TINY


@pytest.mark.parametrize(
    ("name", "tokens", "seeds"), [("toy", 524_288, 3), ("small", 990_707_712, 3), ("medium", 2_999_975_936, 3)]
)
def test_a_budget_trains_on_as_many_tokens_as_it_says(name: str, tokens: int, seeds: int) -> None:
    assert (BUDGETS[name].name, BUDGETS[name].tokens, BUDGETS[name].seeds) == (name, tokens, seeds)


@pytest.mark.parametrize(("name", "millions"), [("toy", 0.24), ("small", 10.0), ("medium", 30.0)])
def test_a_budgets_model_has_as_many_parameters_as_it_says(name: str, millions: float) -> None:
    budget = BUDGETS[name]
    with torch.device("meta"):
        model = build_model(budget, budget.vocabulary, seed=0)
    assert model.num_parameters() / 1e6 == pytest.approx(millions, rel=0.05)


def test_the_model_is_a_llama_whose_last_id_is_bos() -> None:
    config = build_model(TINY, 256, seed=0).config
    assert (config.model_type, config.vocab_size, config.hidden_size) == ("llama", 256, 32)
    assert (config.num_hidden_layers, config.num_attention_heads, config.num_key_value_heads) == (2, 2, 2)
    assert config.intermediate_size == 96  # 8/3 of 32 is 85.3
    assert config.max_position_embeddings == 64
    assert config.tie_word_embeddings
    assert (config.bos_token_id, config.eos_token_id) == (255, 255)
    assert not config.use_cache


def test_the_seed_alone_decides_the_weights() -> None:
    first, again, other = (build_model(TINY, 256, seed).lm_head.weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_weights_begin_in_proportion_to_the_width() -> None:
    weights = {
        size: build_model(replace(TINY, width=size), 256, 0).model.layers[0].mlp.up_proj.weight for size in (32, 128)
    }
    assert weights[32].std().item() == pytest.approx(0.8 / 32**0.5, rel=0.1)
    assert weights[128].std().item() == pytest.approx(0.8 / 128**0.5, rel=0.1)
