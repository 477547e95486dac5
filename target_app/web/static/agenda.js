// A doctor's free times; taking one of them, or a place in the waiting list. With ?reschedule=<id> the choice moves
// that appointment.
import "./shell.js";
import { change, get, Problem } from "./api.js";
import { dayOf } from "./calendar.js";
import { doctorLines } from "./cards.js";
import { ask } from "./dialog.js";
import { $, fill, h, say, sayNext } from "./dom.js";
import { told } from "./refusals.js";
import { session } from "./session.js";
import { count, day, moment, monthDay, price, t, time, weekday } from "./words.js";

const doctorId = location.pathname.split("/").at(-1);
const given = new URLSearchParams(location.search);
const moved = given.get("reschedule");
const isPatient = session()?.role === "patient";
const place = `/v1/doctors/${doctorId}/waiting-list`;
let doctor = null;
let chosenDay = given.get("day");
const arrived = showDoctor();
$("#share").href = `/records?share=${doctorId}`;

async function showDoctor() {
  doctor = await get(`/v1/doctors/${doctorId}`);
  document.title = `${doctor.name} · ${document.title.split(" · ").at(-1)}`;
  const lines = doctorLines(doctor);
  lines.firstChild.replaceWith(h("h1", {}, doctor.name));
  fill($("#doctor"), lines);
}

async function showTimes() {
  const agenda = await get(`/v1/doctors/${doctorId}/agenda`);
  const days = Map.groupBy(agenda.slots, (slot) => dayOf(slot.starts_at));
  if (!days.has(chosenDay)) chosenDay = days.keys().next().value;
  fill($("#days"), [...days].map(([name, slots]) => dayButton(name, slots, days)));
  showDay(days.get(chosenDay) ?? []);
}

function dayButton(name, slots, days) {
  const at = slots[0].starts_at;
  const choose = ({ currentTarget }) => {
    chosenDay = name;
    for (const button of $("#days").children) button.ariaPressed = String(button === currentTarget);
    showDay(days.get(name));
  };
  return h(
    "button",
    { type: "button", "aria-pressed": String(name === chosenDay), onclick: choose },
    h("span", {}, weekday(at)),
    h("strong", {}, monthDay(at)),
    h("span", { class: "quiet" }, count("agenda.free", slots.length)),
  );
}

function showDay(slots) {
  if (!slots.length) {
    fill($("#times"), h("p", { class: "empty" }, t("agenda.none")));
    return;
  }
  const button = (slot) =>
    h("button", { type: "button", class: "time", disabled: !isPatient, onclick: () => confirm(slot) }, time(slot.starts_at));
  fill($("#times"), h("h3", {}, day(slots[0].starts_at)), h("div", { class: "times" }, slots.map(button)));
}

async function confirm(slot) {
  await arrived; // whoever is quick taps before
  const lines = [`${moment(slot.starts_at)} · ${t("site.minutes", { minutes: slot.minutes })}`];
  lines.push(doctor.name, moved ? t("agenda.move_explained") : price(doctor.price_cents));
  const act = async () => {
    try {
      if (moved) await change("POST", `/v1/appointments/${moved}/reschedule`, { slot_id: slot.id });
      else await change("POST", "/v1/appointments", { slot_id: slot.id });
    } catch (error) {
      if (error instanceof Problem) await showTimes();
      throw error;
    }
    sayNext(t(moved ? "agenda.moved" : "agenda.booked"));
    location.assign("/appointments");
  };
  await ask({ title: t(moved ? "agenda.move" : "agenda.confirm"), lines, go: t(moved ? "agenda.move_go" : "agenda.go"), act });
}

async function showPlace() {
  const { places } = await get("/v1/waiting-list");
  const mine = places.find((each) => each.doctor_id === doctorId);
  const toggle = async () => {
    if (mine) await change("DELETE", place);
    else await change("PUT", place);
    say(t(mine ? "waiting.left" : "waiting.joined"));
    await showPlace();
  };
  $("#place").hidden = !mine;
  if (mine) fill($("#place"), h("strong", {}, t("waiting.position", { position: mine.position })));
  fill($("#wait"), t(mine ? "waiting.leave" : "waiting.join"));
  $("#wait").onclick = toggle;
}

if (moved) {
  fill($("#moving"), t("agenda.move_notice"));
  $("#moving").hidden = false;
}
try {
  await Promise.all([arrived, showTimes()]);
} catch (error) {
  fill($("#doctor"), h("h1", {}, told(error)));
  fill($("#times"));
}
if (isPatient) await showPlace();
addEventListener("visibilitychange", () => document.visibilityState === "visible" && showTimes());
