from hypothesis import given
from hypothesis import strategies as st

from target_app.identity.documents import STATES, cpf_with_check_digits, is_cpf


def test_known_documents() -> None:
    """Published examples: 529.982.247-25 and 111.444.777-35."""
    assert is_cpf("52998224725")
    assert is_cpf("11144477735")
    assert not is_cpf("52998224724")
    assert not is_cpf("11111111111")
    for text in ("", "5299822472", "529982247255", "5299822472a", "529.982.247-25", "٥٢٩٩٨٢٢٤٧٢٥"):
        assert not is_cpf(text)


@given(st.integers(0, 10**9 - 1), st.integers(9, 10), st.integers(1, 9))
def test_a_wrong_check_digit_is_always_found(base: int, place: int, by: int) -> None:
    """A wrong digit before them is not always: remainders 0 and 1 give the same check digit."""
    cpf = cpf_with_check_digits(base)
    assert is_cpf(cpf) == (len(set(cpf)) > 1)
    assert not is_cpf(cpf[:place] + str((int(cpf[place]) + by) % 10) + cpf[place + 1 :])


def test_there_are_27_states() -> None:
    assert len(set(STATES)) == 27
