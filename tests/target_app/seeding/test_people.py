import unicodedata
from collections import Counter
from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest

from target_app.identity.documents import STATES, is_cpf
from target_app.seeding import calendar, people
from target_app.seeding.names import SPECIALTIES, STATE_WEIGHTS
from target_app.seeding.plan import BadInput, Plan, plan

CLINICS = people.clinics(20, seed=1)
DOCTORS = people.doctors(400, 1, CLINICS)
PATIENTS = list(people.patients(5_000, seed=1))
MONDAY = date(2027, 3, 1)


def test_the_same_seed_gives_the_same_people() -> None:
    assert list(people.patients(5_000, seed=1)) == PATIENTS
    assert people.doctors(400, 1, people.clinics(20, seed=1)) == DOCTORS
    assert people.staff(5, 1, CLINICS) == people.staff(5, 1, CLINICS)
    assert {one.id for one in people.patients(5_000, seed=2)}.isdisjoint(one.id for one in PATIENTS)
    assert [one.cpf for one in people.patients(50, seed=2)] != [one.cpf for one in PATIENTS[:50]]


def test_more_people_are_the_same_people_and_others() -> None:
    assert list(people.patients(100, seed=1)) == PATIENTS[:100]


def test_everyone_is_somebody_else() -> None:
    staff = people.staff(40, 1, CLINICS)
    ids = [one.id for one in PATIENTS] + [one.id for one in DOCTORS] + [one.id for one in staff]
    emails = [one.email for one in PATIENTS] + [one.email for one in DOCTORS] + [one.email for one in staff]
    assert len(set(ids)) == len(set(emails)) == 5_440


def test_every_cpf_is_valid_and_none_follows_another() -> None:
    cpfs = [one.cpf for one in PATIENTS]
    assert all(map(is_cpf, cpfs))
    assert len(set(cpfs)) == len(cpfs)
    steps = Counter(int(after[:9]) - int(before[:9]) for before, after in pairwise(cpfs))
    assert max(steps.values()) < len(cpfs) / 20, "the same step again and again is a sequence"


def test_crms_are_unique_in_the_state_of_the_clinic() -> None:
    assert len({(one.crm, one.crm_state) for one in DOCTORS}) == len(DOCTORS)
    states = {clinic.id: clinic.state for clinic in CLINICS}
    assert all(one.crm_state == states[one.clinic_id] for one in DOCTORS)
    assert set(STATE_WEIGHTS) == set(STATES)


def test_titles_agree_with_the_name() -> None:
    titles = {
        title: [one.name.split()[1] for one in DOCTORS if one.name.startswith(f"{title} ")] for title in ("Dr.", "Dra.")
    }
    assert len(titles["Dr."]) + len(titles["Dra."]) == len(DOCTORS)
    assert {"José", "João"} & set(titles["Dr."])
    assert not {"José", "João", "Carlos", "Pedro"} & set(titles["Dra."])
    assert "Maria" in titles["Dra."]
    assert "Maria" not in titles["Dr."]


def test_common_names_are_common_and_nobody_has_a_last_name_twice() -> None:
    given = Counter(one.name.split()[0] for one in PATIENTS)
    assert given["Maria"] > given["Agatha"] > 0
    assert len(given) > 200
    for one in PATIENTS:
        words = [word for word in one.name.split() if word[0].isupper()]
        assert len(words) >= 3, one.name
        assert len(set(words)) == len(words) or "Costa e Silva" in one.name or words[0] in words[1:], one.name


def test_addresses_are_ascii_and_begin_with_the_name() -> None:
    for one in PATIENTS:
        assert one.email.isascii()
        assert one.email == one.email.lower()
        first = unicodedata.normalize("NFKD", one.name.split()[0]).encode("ascii", "ignore").decode().lower()
        assert one.email.startswith(f"{first}.")


def test_prices_are_those_of_the_specialty() -> None:
    for one in DOCTORS:
        lowest, highest = SPECIALTIES[one.specialty]
        assert lowest * 100 <= one.price_cents <= highest * 100
        assert one.price_cents % 1_000 == 0
    assert len({one.price_cents for one in DOCTORS}) > 10


def test_doctors_are_spread_evenly_over_specialties_and_clinics() -> None:
    assert set(Counter(one.specialty for one in DOCTORS).values()) == {40}
    assert Counter(one.clinic_id for one in DOCTORS) == {clinic.id: 20 for clinic in CLINICS}
    specialties = {one.specialty for one in DOCTORS if one.clinic_id == CLINICS[0].id}
    assert len(specialties) > 3


def test_clinics_have_names_of_their_own_however_many_there_are() -> None:
    many = people.clinics(1_000, seed=1)
    assert len({clinic.name for clinic in many}) == 1_000


def test_slots_are_on_weekdays_in_clinic_hours_and_spread_evenly() -> None:
    made = list(calendar.slots(10_010, 1, DOCTORS, MONDAY))
    assert len(made) == 10_010
    assert Counter(Counter(slot.doctor_id for slot in made).values()) == {25: 390, 26: 10}
    starts, ends = ([span[at].astimezone(calendar.ZONE) for _, _, span in made] for at in (0, 1))
    assert {start.isoweekday() for start in starts} == {1, 2, 3, 4, 5}
    assert min(start.date() for start in starts) == MONDAY
    assert min(start.time() for start in starts) == time(8)
    assert max(end.time() for end in ends) <= time(18)
    assert not any(time(12) <= start.time() < time(13) for start in starts)


def test_nobodys_slots_overlap_and_the_same_seed_gives_the_same() -> None:
    made = list(calendar.slots(4_000, 1, DOCTORS, MONDAY))
    assert made == list(calendar.slots(4_000, 1, DOCTORS, MONDAY))
    by_doctor: dict[object, list[tuple[datetime, datetime]]] = {}
    for slot in made:
        by_doctor.setdefault(slot.doctor_id, []).append(slot.span)
    for spans in by_doctor.values():
        assert all(end <= start for (_, end), (start, _) in pairwise(sorted(spans)))


def test_every_doctor_has_room_for_as_many_slots_as_may_be_asked_for() -> None:
    most = 60 * calendar.SLOTS_PER_DOCTOR_MAX
    assert sum(1 for _ in calendar.slots(most, 1, DOCTORS[:60], MONDAY + timedelta(days=5))) == most


def test_a_plan_has_clinics_and_staff_for_its_doctors() -> None:
    assert plan(5, 41) == Plan(patients=5, doctors=41, slots=0, clinics=3, staff=6, seed=1)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (plan(5, 0), "--doctors 0"),
        (plan(-1, 5), "--patients -1"),
        (plan(5, 2, slots=6_001), "--slots 6001"),
        (plan(5, 2, clinics=3), "--clinics 3"),
        (plan(5, 2, clinics=0), "--clinics 0"),
        (plan(5, 2, staff=-2), "--staff -2"),
        (plan(5, 2, seed=-1), "--seed -1"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(asked: Plan, named: str) -> None:
    with pytest.raises(BadInput, match=f"^{named}: it must be from"):
        asked.check()
