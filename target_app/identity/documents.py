"""Brazilian identity documents."""

from typing import Final

STATES: Final = (
    *("AC", "AL", "AM", "AP", "BA", "CE", "DF", "ES", "GO", "MA", "MG", "MS", "MT", "PA"),
    *("PB", "PE", "PI", "PR", "RJ", "RN", "RO", "RR", "RS", "SC", "SE", "SP", "TO"),
)


def cpf_with_check_digits(base: int) -> str:
    """The CPF, 11 digits, whose first nine are `base`.

    Each check digit is the weighted sum of the digits before it, weights from 2 rightmost upwards, times 10 modulo
    11, where 10 counts as 0 (Receita Federal).
    """
    digits = [int(digit) for digit in f"{base:09d}"]
    for _ in range(2):
        weighted = sum(weight * digit for weight, digit in enumerate(reversed(digits), start=2))
        digits.append(weighted * 10 % 11 % 10)
    return "".join(map(str, digits))


def is_cpf(text: str) -> bool:
    """Whether the 11 digits are a CPF; eleven equal digits pass the sums but were never issued."""
    return len(text) == 11 and text.isdecimal() and len(set(text)) > 1 and cpf_with_check_digits(int(text[:9])) == text
