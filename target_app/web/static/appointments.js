// A patient's appointments: offers to answer, what is to come, what was, and places in waiting lists.
import "./shell.js";
import { change, get } from "./api.js";
import { badge, bones, videoLink, when } from "./cards.js";
import { ask } from "./dialog.js";
import { $, empty, fill, h, say } from "./dom.js";
import { told } from "./refusals.js";
import { moment, price, stamp, t, time } from "./words.js";

const LIVE = ["requested", "accepted"];
const AGAIN_MS = 60_000;
const past = $("#past");
let again;

async function showAll() {
  clearTimeout(again);
  const [{ appointments }, { places }] = await Promise.all([
    get("/v1/appointments", { from: new Date(Date.now() - 4 * 3_600_000).toISOString(), limit: 200 }),
    get("/v1/waiting-list"),
  ]);
  appointments.sort((a, b) => a.starts_at.localeCompare(b.starts_at));
  const offers = appointments.filter((each) => each.state === "offered");
  const upcoming = appointments.filter((each) => LIVE.includes(each.state));
  fill($("#offers .cards"), offers.map(offerCard));
  $("#offers").hidden = !offers.length;
  const nothing = () => empty(t("appointments.none"), h("a", { class: "button", href: "/doctors" }, t("home.find")));
  fill($("#upcoming .cards"), upcoming.length ? upcoming.map(card) : nothing());
  fill($("#waiting .cards"), places.map(placeCard));
  $("#waiting").hidden = !places.length;
  if (offers.length || upcoming.some((each) => each.state === "requested")) again = setTimeout(showAgain, AGAIN_MS);
}

function showAgain() {
  if (document.visibilityState === "visible" && !$("dialog")) showAll();
}

async function showPast(before = "") {
  const list = $(".cards", past);
  if (!before) fill(list, bones(2));
  const page = await get("/v1/appointments", { until: new Date().toISOString(), before, limit: 20 });
  const ended = await get("/v1/appointments", { from: new Date().toISOString(), limit: 200 });
  const over = (each) => !LIVE.includes(each.state) && each.state !== "offered";
  const shown = [...(before ? [] : ended.appointments.filter(over)), ...page.appointments.filter(over)];
  fill(list, before ? [...list.children] : [], shown.map(card));
  if (!list.children.length) fill(list, empty(t("appointments.no_past")));
  const more = $("button", past.lastElementChild);
  more.hidden = !page.next;
  more.onclick = () => showPast(page.next);
}

function card(one) {
  const isLive = LIVE.includes(one.state) && Date.parse(one.starts_at) > Date.now();
  return h(
    "li",
    { class: "card visit", "data-id": one.id },
    when(one.starts_at, one.minutes),
    h(
      "div",
      { class: "who" },
      h("strong", {}, one.doctor_name),
      h("span", { class: "quiet" }, price(one.price_cents)),
      badge(one.state),
    ),
    h(
      "div",
      { class: "actions" },
      one.state === "accepted" && videoLink(one.video_url, t("appointments.video")),
      isLive && h("a", { class: "button second", href: `/doctors/${one.doctor_id}?reschedule=${one.id}` }, t("appointments.move")),
      isLive && h("button", { type: "button", class: "quiet danger", onclick: () => cancel(one) }, t("appointments.cancel")),
    ),
    history(one),
  );
}

function offerCard(one) {
  const accept = async () => {
    await change("POST", `/v1/appointments/${one.id}/accept-offer`);
    await tell("appointments.offer_accepted");
  };
  const refuse = async () => {
    const act = () => change("POST", `/v1/appointments/${one.id}/refuse-offer`);
    const lines = [`${moment(one.starts_at)} · ${one.doctor_name}`, t("appointments.refuse_explained")];
    const done = await ask({ title: t("appointments.refuse_title"), lines, go: t("appointments.refuse"), danger: true, act });
    if (done) await tell("appointments.offer_refused");
  };
  const tried = (act) => () => act().catch(async (error) => {
    await showAll();
    say(told(error), true);
  });
  return h(
    "li",
    { class: "card visit offer", "data-id": one.id },
    when(one.starts_at, one.minutes),
    h(
      "div",
      { class: "who" },
      h("strong", {}, one.doctor_name),
      h("span", { class: "quiet" }, price(one.price_cents)),
      h("span", { class: "deadline" }, t("appointments.deadline", { time: time(one.offer_expires_at) })),
    ),
    h(
      "div",
      { class: "actions" },
      h("button", { type: "button", onclick: tried(accept) }, t("appointments.accept")),
      h("button", { type: "button", class: "second", onclick: tried(refuse) }, t("appointments.refuse")),
    ),
  );
}

const placeCard = ({ doctor_id, doctor_name, position }) =>
  h(
    "li",
    {},
    h(
      "a",
      { class: "card link", href: `/doctors/${doctor_id}` },
      h("div", { class: "who" }, h("strong", {}, doctor_name), h("span", { class: "quiet" }, t("waiting.position", { position }))),
    ),
  );

function history(one) {
  const list = h("ol", { class: "lines" });
  const show = async () => {
    if (list.children.length) return;
    const { events } = await get(`/v1/appointments/${one.id}/history`);
    fill(list, events.map((event) => h("li", {}, line(event))));
  };
  const line = ({ state, at, by, reason }) =>
    `${stamp(at)} · ${t(`events.${state}`)} (${t(`by.${by}`)})${reason ? `: ${reason}` : ""}`;
  return h("details", { class: "history", ontoggle: show }, h("summary", {}, t("appointments.history")), list);
}

async function cancel(one) {
  const done = await ask({
    title: t("appointments.cancel_title"),
    lines: [`${moment(one.starts_at)} · ${one.doctor_name}`],
    reason: t("site.reason"),
    go: t("appointments.cancel_go"),
    danger: true,
    act: (reason) => change("POST", `/v1/appointments/${one.id}/cancel`, { reason }),
  });
  if (done) await tell("appointments.cancelled");
}

async function tell(key) {
  await Promise.all([showAll(), past.open && showPast()]);
  say(t(key));
  $("#main").focus();
}

fill($("#upcoming .cards"), bones(2));
past.addEventListener("toggle", () => past.open && showPast());
addEventListener("visibilitychange", showAgain);
await showAll();
