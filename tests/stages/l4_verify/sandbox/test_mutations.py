"""Small changes of programs, that tests should notice."""

from stages.l4_verify.sandbox.mutations import mutants


def test_each_has_one_change():
    code = "def f(x):\n    return x + 1 if x < 2 and True else x"
    assert set(mutants(code, 0, 99)) == {
        "def f(x):\n    return x - 1 if x < 2 and True else x",
        "def f(x):\n    return x + 2 if x < 2 and True else x",
        "def f(x):\n    return x + 1 if x >= 2 and True else x",
        "def f(x):\n    return x + 1 if x < 3 and True else x",
        "def f(x):\n    return x + 1 if x < 2 or True else x",
        "def f(x):\n    return x + 1 if x < 2 and False else x",
        "def f(x):\n    return None",
    }


def test_they_are_drawn_by_the_seed_and_no_more_than_wanted():
    code = "x = [1, 2, 3, 4, 5, 6, 7, 8]"
    assert len(mutants(code, 0, 3)) == 3
    assert mutants(code, 0, 3) == mutants(code, 0, 3) != mutants(code, 1, 3)


def test_what_is_no_program_has_none():
    assert mutants("def f(", 0, 3) == mutants("pass", 0, 3) == []
