"""What the identity routes take and give."""

from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from target_app.identity.documents import STATES, is_cpf

SESSION_S: Final = 900
REFRESH_S: Final = 30 * 86_400
SPENT_S: Final = 10
"""How long a refresh token stays good after it was used, for the client that lost the answer on its way."""
REMOVED_DOMAIN: Final = "removed.invalid"
"""Where the e-mail addresses of removed patients are: nobody is there to read."""
PASSWORD_LENGTH_MIN: Final = 10
PASSWORD_LENGTH_MAX: Final = 1024
PRICE_CENTS_MAX: Final = 10_000_000
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL: Final = rf"^{_ATOM}(\.{_ATOM})*@({_LABEL}\.)+[A-Za-z]([A-Za-z0-9-]{{0,61}}[A-Za-z0-9])$"
_CPF: Final = r"^[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}-?[0-9]{2}$"
_LINE: Final = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
_WAYS: Final = (("email",), ("cpf",), ("crm", "crm_state"))
"""In which people say who they are."""


def _issued(cpf: str) -> str:
    if not is_cpf(cpf):
        raise ValueError("the check digits of the CPF are wrong")
    return cpf


def _digits(cpf: str) -> str:
    return cpf.replace(".", "").replace("-", "")


def _without_padding(crm: str) -> str:
    return crm.lstrip("0").zfill(4)


def _reachable(email: str) -> str:
    if email.endswith(".invalid"):
        raise ValueError("the domain cannot exist")
    return email


def _state(state: str) -> str:
    if state not in STATES:
        raise ValueError(f"must be one of {', '.join(STATES)}")
    return state


Email = Annotated[str, StringConstraints(max_length=254, pattern=_EMAIL), AfterValidator(str.lower)]
Cpf = Annotated[str, StringConstraints(pattern=_CPF), AfterValidator(_digits)]
Crm = Annotated[str, StringConstraints(pattern="^[0-9]{4,7}$"), AfterValidator(_without_padding)]
State = Annotated[str, AfterValidator(_state), WithJsonSchema({"type": "string", "enum": list(STATES)})]
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=120, pattern=_LINE)]
Specialty = Annotated[str, StringConstraints(strip_whitespace=True, max_length=60, pattern=_LINE)]
PriceCents = Annotated[int, Field(ge=0, le=PRICE_CENTS_MAX, strict=True)]
Locale = Literal["pt-BR", "en"]
RefreshToken = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9_-]{64}$")]
EMAIL_EXAMPLE: Final = "maria@example.com"
PASSWORD_EXAMPLE: Final = "correct horse battery staple"
TOKEN_EXAMPLE: Final = "c3VjaCBhIHRva2VuIGlzIG5vdCBnb29kIGFueXdoZXJlLCBpdCBpcyBhbiBleGFt"


def _exactly_one_way(schema: dict[str, Any]) -> None:
    names = [name for way in _WAYS for name in way]
    schema["oneOf"] = [
        {
            "required": list(way),
            "properties": {name: {"type": "string" if name in way else "null"} for name in names},
        }
        for way in _WAYS
    ]


class Credentials(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=_exactly_one_way)

    email: Email | None = Field(None, examples=[EMAIL_EXAMPLE])
    cpf: Cpf | None = Field(None, description="With or without dots and dash", examples=["529.982.247-25"])
    crm: Crm | None = Field(None, description="A doctor's CRM number, with its state", examples=["123456"])
    crm_state: State | None = Field(None, examples=["SP"])
    password: str = Field(max_length=PASSWORD_LENGTH_MAX, examples=[PASSWORD_EXAMPLE])

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = tuple(name for way in _WAYS for name in way if getattr(self, name) is not None)
        if given not in _WAYS:
            raise ValueError("give exactly one of: email; cpf; crm with crm_state")
        return self

    def name(self) -> str:
        """Who they say that they are, the same for each spelling."""
        return self.email or self.cpf or f"{self.crm}/{self.crm_state}"


class Session(BaseModel):
    token: str = Field(description="Send it as 'Authorization: Bearer <token>'", examples=[TOKEN_EXAMPLE])
    token_type: str = "Bearer"
    expires_in: int = Field(description="Seconds", examples=[SESSION_S])
    role: str = Field(examples=["patient"])
    refresh_token: str = Field(description="Good for one refresh", examples=[TOKEN_EXAMPLE])
    refresh_expires_in: int = Field(description="Seconds", examples=[REFRESH_S])


class Refresh(BaseModel):
    model_config = ConfigDict(extra="forbid")

    refresh_token: RefreshToken = Field(examples=[TOKEN_EXAMPLE])


class _SignUp(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Line = Field(examples=["Maria Souza"])
    email: Annotated[Email, AfterValidator(_reachable)] = Field(examples=[EMAIL_EXAMPLE])
    password: str = Field(min_length=PASSWORD_LENGTH_MIN, max_length=PASSWORD_LENGTH_MAX, examples=[PASSWORD_EXAMPLE])
    locale: Locale = Field("pt-BR", description="Of e-mails", examples=["pt-BR"])


class NewPatient(_SignUp):
    cpf: Annotated[Cpf, AfterValidator(_issued)] = Field(
        description="With or without dots and dash; its check digits must be right", examples=["529.982.247-25"]
    )


class NewDoctor(_SignUp):
    crm: Crm = Field(examples=["123456"])
    crm_state: State = Field(examples=["SP"])
    specialty: Specialty = Field(examples=["cardiology"])
    price_cents: PriceCents = Field(description="Of a consultation, BRL cents", examples=[25000])


class Registered(BaseModel):
    id: UUID


class Me(BaseModel):
    """`cpf` is a patient's, `crm` to `price_cents` a doctor's, the clinic a member of staff's, or a doctor's in one."""

    id: UUID
    role: str = Field(examples=["patient"])
    name: str = Field(examples=["Maria Souza"])
    email: str = Field(examples=[EMAIL_EXAMPLE])
    locale: Locale = Field(examples=["pt-BR"])
    cpf: str | None = Field(None, examples=["52998224725"])
    crm: str | None = Field(None, examples=["123456"])
    crm_state: str | None = Field(None, examples=["SP"])
    specialty: str | None = Field(None, examples=["cardiology"])
    price_cents: int | None = Field(None, description="Of a consultation, BRL cents", examples=[25000])
    clinic_id: UUID | None = None
    clinic: str | None = Field(None, examples=["Clínica Aurora"])


class Changes(BaseModel):
    """What is not given, or null, stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Line | None = Field(None, examples=["Maria Souza"])
    locale: Locale | None = Field(None, examples=["en"])
    specialty: Specialty | None = Field(None, description="Doctors only", examples=["cardiology"])
    price_cents: PriceCents | None = Field(
        None, description="Doctors only; appointments keep the price that they were booked at", examples=[25000]
    )
