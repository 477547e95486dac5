"""A patient on a phone and a doctor at a desk meet."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from playwright.sync_api import Page, expect

Visit = Callable[..., Any]


def test_a_patient_books_in_four_taps_the_doctor_accepts_and_the_patient_gets_the_link(
    visit: Visit,
    me: Callable[[Any], dict[str, Any]],
    patient: Any,
    doctor: Any,
    publish: Callable[..., list[str]],
    desk: Any,
) -> None:
    publish(3)
    the_doctor, the_patient = me(doctor), me(patient)
    phone, desk = visit(), visit("en", desk)

    phone.sign_in(the_patient["cpf"])
    page = phone.page
    chip = page.locator(f'.chips input[value="{the_doctor["specialty"]}"]')
    chip.click()
    page.locator("#name").fill(the_doctor["name"])  # there are a thousand doctors
    page.get_by_role("link", name=the_doctor["name"]).first.click()
    page.locator(".time").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Marcar").click()
    page.wait_for_url("**/appointments")
    expect(page.locator("#said")).to_contain_text("Solicitada")
    expect(page.locator("#upcoming .badge")).to_have_text("Aguardando o médico")

    desk.sign_in_as_doctor(the_doctor["crm"], the_doctor["crm_state"])
    request = desk.page.locator("#requests li", has_text=the_patient["name"])
    request.get_by_role("button", name="Accept").click()
    expect(desk.page.locator("#said")).to_contain_text(f"Accepted: {the_patient['name']}")
    expect(desk.page.locator("#requests")).to_contain_text("Nothing to answer")

    page.reload()
    expect(page.locator("#upcoming .badge")).to_have_text("Confirmada")
    link = page.get_by_role("link", name="Entrar na chamada de vídeo")
    assert str(link.get_attribute("href")).startswith("https://video.clinic.example/")


def test_a_patient_cancels_and_says_why(enter: Callable[..., Page], patient: Any, appointment: str) -> None:
    page = enter(patient, "patient", locale="en")
    page.goto("/appointments")
    page.locator(f'[data-id="{appointment}"]').get_by_role("button", name="Cancel").click()
    question = page.get_by_role("dialog")

    question.get_by_role("button", name="Cancel it").click()
    expect(question.get_by_role("alert")).to_have_text("Please fill this in.")
    question.get_by_label("Reason").fill("I am travelling <b>far</b>")
    question.get_by_role("button", name="Cancel it").click()

    expect(page.locator("#said")).to_have_text("The appointment is cancelled.")
    expect(page.locator("#upcoming .empty")).to_be_visible()
    page.get_by_text("Past and cancelled").click()
    page.locator("#past").get_by_text("History").click()
    expect(page.locator("#past .history")).to_contain_text("cancelled (patient): I am travelling <b>far</b>")


def test_a_patient_moves_an_appointment(
    enter: Callable[..., Page], patient: Any, publish: Callable[..., list[str]], book: Callable[..., httpx.Response]
) -> None:
    book(patient, publish(2)[0])
    page = enter(patient, "patient", locale="en")
    page.goto("/appointments")
    page.get_by_role("link", name="Change time").click()
    expect(page.locator("#moving")).to_be_visible()
    page.locator(".time").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Move").click()

    page.wait_for_url("**/appointments")
    expect(page.locator("#said")).to_contain_text("Moved")
    expect(page.locator("#upcoming li")).to_have_count(1)


def test_a_doctor_declines_and_says_why(
    its_day: Callable[..., Page], api: httpx.Client, patient: Any, appointment: str
) -> None:
    page = its_day()
    page.locator("#requests").get_by_role("button", name="Recusar").click()
    page.get_by_role("dialog").get_by_label("Motivo").fill("Estou de férias")
    page.get_by_role("dialog").get_by_role("button", name="Recusar").click()

    expect(page.locator("#said")).to_contain_text("Recusada:")
    expect(page.locator("#slots .badge")).to_have_text("Livre")
    assert api.get(f"/v1/appointments/{appointment}", headers=patient.headers()).json()["state"] == "declined"


def test_a_doctor_opens_slots_every_week_and_removes_one(enter: Callable[..., Page], doctor: Any, desk: Any) -> None:
    page = enter(doctor, "doctor", locale="en", size=desk)
    page.goto("/doctor/slots")
    first, last = ((datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%d") for days in (10, 16))
    page.locator("#first_day").fill(first)
    page.locator("#last_day").fill(last)
    for weekday in page.locator("#weekdays input").all():
        weekday.set_checked(True)
    page.get_by_role("button", name="Open these slots").click()
    expect(page.locator("#said")).to_have_text("56 slots opened.")

    page.goto(f"/doctor?date={first}")
    expect(page.locator("#slots > li")).to_have_count(8)
    page.locator("#slots").get_by_role("button", name="Remove").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.locator("#slots > li")).to_have_count(7)


def test_somebody_waits_gets_an_offer_and_takes_it(
    enter: Callable[..., Page],
    api: httpx.Client,
    patient: Any,
    rival: Any,
    doctor: Any,
    publish: Callable[..., list[str]],
    book: Callable[..., httpx.Response],
) -> None:
    held = book(rival, publish()[0]).json()["id"]
    page = enter(patient, "patient", locale="en")
    page.goto(f"/doctors/{doctor.id}")
    expect(page.locator("#times .empty")).to_be_visible()
    page.get_by_role("button", name="Join the waiting list").click()
    expect(page.locator("#place")).to_have_text("You are number 1 in line.")

    api.post(f"/v1/appointments/{held}/cancel", json={"reason": "ill"}, headers=rival.headers(held))
    page.goto("/appointments")
    expect(page.locator("#offers .deadline")).to_contain_text("Answer by")
    page.get_by_role("button", name="Take this time").click()

    expect(page.locator("#said")).to_contain_text("It is yours!")
    expect(page.locator("#upcoming .badge")).to_have_text("Waiting for the doctor")


def test_a_slot_that_somebody_else_took_is_said_to_be_gone(
    enter: Callable[..., Page],
    patient: Any,
    rival: Any,
    doctor: Any,
    publish: Callable[..., list[str]],
    book: Callable[..., httpx.Response],
) -> None:
    slots = publish(2)
    page = enter(patient, "patient", locale="en")
    page.goto(f"/doctors/{doctor.id}")
    page.locator(".time").first.click()
    book(rival, slots[0])
    page.get_by_role("dialog").get_by_role("button", name="Book").click()

    expect(page.get_by_role("alert")).to_have_text("Somebody else was faster. Please choose another time.")
    expect(page.locator(".time")).to_have_count(1)


def test_a_time_that_is_tapped_before_the_doctor_is_shown_is_asked_about_all_the_same(
    enter: Callable[..., Page], patient: Any, doctor: Any, publish: Callable[..., list[str]]
) -> None:
    publish()
    page = enter(patient, "patient", locale="en")
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route(re.compile(f"/v1/doctors/{doctor.id}$"), hold)
    page.goto(f"/doctors/{doctor.id}")
    page.locator(".time").first.click()
    held.pop().continue_()
    expect(page.get_by_role("dialog").get_by_role("button", name="Book")).to_be_visible()


def test_a_booking_whose_answer_is_lost_is_sent_again_with_the_same_key(
    enter: Callable[..., Page], api: httpx.Client, patient: Any, doctor: Any, publish: Callable[..., list[str]]
) -> None:
    publish(2)
    page = enter(patient, "patient", locale="en")
    keys: list[str] = []

    def lose_the_first_answer(route: Any) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(re.compile("/v1/appointments$"), lose_the_first_answer)
    page.goto(f"/doctors/{doctor.id}")
    page.locator(".time").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Book").click()
    page.wait_for_url("**/appointments")

    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert len(api.get("/v1/appointments", headers=patient.headers()).json()["appointments"]) == 1


UNKNOWN: dict[str, Any] = {
    "status": 503,
    "headers": {"Content-Type": "application/problem+json", "Retry-After": "60"},
    "body": '{"type": "/problems/too-late", "title": "The answer took too long", "status": 503}',
}


def test_what_was_cancelled_is_booked_anew_though_its_first_booking_was_never_answered(
    enter: Callable[..., Page],
    stack: Any,
    api: httpx.Client,
    patient: Any,
    doctor: Any,
    publish: Callable[..., list[str]],
    eventually: Callable[..., Any],
) -> None:
    publish()
    page = enter(patient, "patient", locale="en")

    def book() -> None:
        page.goto(f"/doctors/{doctor.id}")
        page.locator(".time").first.click()
        page.get_by_role("dialog").get_by_role("button", name="Book").click()

    def lose_the_answer(route: Any) -> None:
        assert route.fetch().status == 201
        route.fulfill(**UNKNOWN)

    page.route(re.compile("/v1/appointments$"), lose_the_answer, times=1)
    book()
    expect(page.get_by_role("alert")).to_be_visible()

    page.goto("/appointments")
    page.locator("#upcoming").get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("I am travelling")
    page.get_by_role("dialog").get_by_role("button", name="Cancel it").click()
    expect(page.locator("#said")).to_have_text("The appointment is cancelled.")
    agendas = [f"{url}/v1/doctors/{doctor.id}/agenda" for url in stack.replica_urls]
    eventually(lambda: all(httpx.get(agenda, headers=patient.headers()).json()["free"] for agenda in agendas))

    book()
    page.wait_for_url("**/appointments")
    expect(page.locator("#upcoming .badge")).to_have_text("Waiting for the doctor")
    states = [each["state"] for each in api.get("/v1/appointments", headers=patient.headers()).json()["appointments"]]
    assert sorted(states) == ["cancelled", "requested"]


def test_a_change_whose_outcome_is_unknown_keeps_its_key_for_ten_minutes(
    enter: Callable[..., Page], patient: Any, doctor: Any, publish: Callable[..., list[str]]
) -> None:
    publish()
    page = enter(patient, "patient", locale="en")
    keys: list[str] = []

    def never_answer(route: Any) -> None:
        keys.append(route.request.headers["idempotency-key"])
        route.fulfill(**UNKNOWN)

    def book_again() -> None:
        with page.expect_response(re.compile("/v1/appointments$")):
            page.get_by_role("dialog").get_by_role("button", name="Book").click()
        expect(page.get_by_role("alert")).to_be_visible()

    page.route(re.compile("/v1/appointments$"), never_answer)
    page.clock.install()
    page.goto(f"/doctors/{doctor.id}")
    page.locator(".time").first.click()
    book_again()
    page.clock.fast_forward("04:00")
    book_again()
    page.clock.fast_forward("10:10")
    book_again()

    assert len(keys) == 3
    assert keys[0] == keys[1]
    assert keys[1] != keys[2]


def test_somebody_new_signs_up_changes_the_language_and_leaves_for_good(visit: Visit) -> None:
    visitor = visit("en")
    page = visitor.page
    page.goto("/signup")
    page.locator("#name").fill("Maria Nova")
    page.locator("#cpf").fill("111.222.333-00")
    page.locator("#email").fill("maria.nova@mail.example")
    page.locator("#password").fill("a long enough sentence")
    page.get_by_role("button", name="Create my account").click()
    expect(page.locator("#cpf-wrong")).to_have_text("This is not a valid CPF.")
    expect(page.locator("#cpf")).to_be_focused()
    page.locator("#cpf").fill("111.222.333-96")
    page.get_by_role("button", name="Create my account").click()
    page.wait_for_url("**/doctors")
    expect(page.locator("#said")).to_contain_text("Welcome!")

    page.goto("/me")
    page.locator("#locale").select_option("pt-BR")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Meus dados")
    page.get_by_role("button", name="Excluir minha conta").click()
    page.get_by_role("dialog").get_by_role("button", name="Excluir minha conta").click()
    page.wait_for_url("**/login")
    expect(page.locator("#said")).to_have_text("Sua conta foi excluída.")


def test_a_patient_adds_a_file(enter: Callable[..., Page], patient: Any) -> None:
    page = enter(patient, "patient", locale="en")
    page.goto("/records")
    page.locator("#file").set_input_files(
        {"name": "report.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4\n%%EOF\n"}
    )
    page.get_by_role("button", name="Add", exact=True).click()

    expect(page.locator("#said")).to_have_text("The file is here and is being checked.")
    file = page.locator("#files li", has_text="report.pdf")
    expect(file).to_contain_text("Report")
    expect(file.get_by_role("button", name="Open")).to_be_visible(timeout=30_000)


def test_a_doctor_reads_a_patient_s_files_and_prescribes_and_the_patient_sees_both(
    its_day: Callable[..., Page],
    enter: Callable[..., Page],
    api: httpx.Client,
    patient: Any,
    doctor: Any,
    appointment: str,
) -> None:
    api.post(f"/v1/appointments/{appointment}/accept", json={}, headers=doctor.headers(appointment))
    page = its_day(locale="en")
    page.locator("#slots").get_by_role("link", name="Files").click()
    page.get_by_label("Medicine").fill("Amoxicillin 500 mg")
    page.get_by_label("Dosage").fill("1 capsule every 8 hours")
    page.get_by_role("button", name="Prescribe").click()
    expect(page.locator("#prescriptions")).to_contain_text("Amoxicillin 500 mg")

    page = enter(patient, "patient", locale="en")
    page.goto("/records")
    expect(page.locator("#prescriptions")).to_contain_text("1 capsule every 8 hours")
    expect(page.locator("#accesses")).to_contain_text("saw the list of your files")


def test_a_patient_shares_files_with_a_doctor_and_stops(enter: Callable[..., Page], patient: Any, doctor: Any) -> None:
    page = enter(patient, "patient", locale="en")
    page.route(re.compile(f"/v1/doctors/{doctor.id}$"), lambda _: None, times=1)  # the link need not wait for it
    page.goto(f"/doctors/{doctor.id}")
    page.get_by_role("link", name="Share my files with this doctor").click()
    page.get_by_role("dialog").get_by_role("button", name="Share").click()
    expect(page.locator("#shares li")).to_contain_text("until")

    page.locator("#shares").get_by_role("button", name="Stop").click()
    expect(page.locator("#shares .empty")).to_be_visible()
