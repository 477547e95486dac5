// The doctor's day: requests to answer, and one day's slots with who comes.
import "./shell.js";
import { change, get } from "./api.js";
import { at, plus, today } from "./calendar.js";
import { badge, bones, videoLink, when } from "./cards.js";
import { ask } from "./dialog.js";
import { $, empty, fill, h, say } from "./dom.js";
import { told } from "./refusals.js";
import { day, moment, price, t, time } from "./words.js";

const date = $("#date");
const { id: doctorId } = await get("/v1/me");
let asked = 0;

async function pages(path, query, name) {
  const found = [];
  for (let cursor = {}; cursor; ) {
    const page = await get(path, { ...query, ...cursor, limit: 200 });
    found.push(...page[name]);
    const next = page.next && { [path.endsWith("/slots") ? "after" : "before"]: page.next };
    cursor = next || null;
  }
  return found.sort((a, b) => a.starts_at.localeCompare(b.starts_at));
}

async function showRequests() {
  const requests = await pages("/v1/appointments", { state: "requested", from: new Date().toISOString() }, "appointments");
  fill($("#requests .cards"), requests.length ? requests.map((one) => card(one, one, true)) : empty(t("day.no_requests")));
}

async function showDay() {
  const number = (asked += 1);
  const [from, until] = [at(date.value), at(plus(date.value, 1))];
  fill($("#day-title"), day(from));
  const [slots, appointments] = await Promise.all([
    pages(`/v1/doctors/${doctorId}/slots`, { from, until }, "slots"),
    pages("/v1/appointments", { from, until }, "appointments"),
  ]);
  if (number !== asked) return;
  const byId = new Map(appointments.map((one) => [one.id, one]));
  const nothing = () => empty(t("day.no_slots"), h("a", { class: "button", href: "/doctor/slots" }, t("nav.publish")));
  fill($("#slots"), slots.length ? slots.map((slot) => card(slot, byId.get(slot.appointment_id))) : nothing());
}

const showAll = () => Promise.all([showRequests(), showDay()]);

/** A slot, with the appointment that holds it, if any. */
function card(slot, one, withDay = false) {
  return h(
    "li",
    { class: `card visit ${one ? "" : "free"}`, "data-id": one?.id ?? slot.id },
    when(slot.starts_at, slot.minutes, withDay),
    h(
      "div",
      { class: "who" },
      one && h("strong", {}, one.patient_name),
      one && h("span", { class: "quiet" }, price(one.price_cents)),
      badge(slot.state),
    ),
    h("div", { class: "actions" }, one ? actions(one) : removal(slot)),
  );
}

const ACTIONS = {
  requested: (one) => [
    button(t("day.accept"), "", () => move(one, "accept", {}, "day.accepted")),
    button(t("day.decline"), "second", () => withReason(one, "decline", "day.declined")),
  ],
  accepted: (one) => (Date.parse(one.starts_at) <= Date.now() ? ended(one) : coming(one)),
  completed: (one) => [files(one)],
};

const coming = (one) => [
  videoLink(one.video_url, t("appointments.video")),
  files(one),
  button(t("day.cancel"), "quiet danger", () => withReason(one, "cancel", "day.cancelled")),
];

const ended = (one) => [
  videoLink(one.video_url, t("appointments.video")),
  button(t("day.complete"), "", () => move(one, "complete", {}, "day.completed")),
  button(t("day.no_show"), "second", () => move(one, "no-show", {}, "day.missed")),
  files(one),
];

const files = (one) => h("a", { class: "button second", href: `/records?patient_id=${one.patient_id}&appointment=${one.id}` }, t("nav.records"));
const actions = (one) => ACTIONS[one.state]?.(one) ?? [];
const button = (text, style, onclick) => h("button", { type: "button", class: style, onclick }, text);

const removal = (slot) =>
  slot.state === "free" &&
  button(t("day.remove"), "quiet danger", async () => {
    const act = () => change("DELETE", `/v1/slots/${slot.id}`);
    const lines = [moment(slot.starts_at)];
    if (await ask({ title: t("day.remove_title"), lines, go: t("day.remove"), danger: true, act })) await tell("day.removed");
  });

async function move(one, verb, body, outcome) {
  try {
    await change("POST", `/v1/appointments/${one.id}/${verb}`, body);
    await tell(outcome, one);
  } catch (error) {
    say(told(error), true);
    await showAll();
  }
}

async function withReason(one, verb, outcome) {
  const act = (reason) => change("POST", `/v1/appointments/${one.id}/${verb}`, { reason });
  const lines = [`${moment(one.starts_at)} · ${one.patient_name}`];
  const title = t(`day.${verb}_title`);
  if (await ask({ title, lines, reason: t("site.reason"), go: t(`day.${verb}`), danger: true, act })) await tell(outcome, one);
}

async function tell(outcome, one) {
  await showAll();
  say(one ? `${t(outcome)} ${one.patient_name}, ${time(one.starts_at)}` : t(outcome));
  $("#main").focus();
}

function go(value) {
  date.value = value;
  history.replaceState(null, "", `?date=${value}`);
  fill($("#slots"), bones(3));
  return showDay();
}

$("#before").addEventListener("click", () => go(plus(date.value, -1)));
$("#after").addEventListener("click", () => go(plus(date.value, 1)));
date.addEventListener("change", () => date.value && go(date.value));
addEventListener("visibilitychange", () => document.visibilityState === "visible" && !$("dialog") && showAll());

fill($("#requests .cards"), bones(1));
await Promise.all([showRequests(), go(new URLSearchParams(location.search).get("date") ?? today())]);
