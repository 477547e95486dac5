// Finding a doctor. The question stays in the address, so that going back finds it again.
import "./shell.js";
import { get } from "./api.js";
import { at, plus, today } from "./calendar.js";
import { bones, doctorLines } from "./cards.js";
import { $, empty, fill, h, icon } from "./dom.js";
import { offerStates } from "./forms.js";
import { count, specialty, t } from "./words.js";

const form = $("#search");
const list = $("#doctors");
const more = $("#more");
let asked = 0;

function query() {
  const { specialty, name, state, price_min, price_max, day } = Object.fromEntries(new FormData(form));
  return {
    specialty,
    name: name.trim(),
    state,
    price_min_cents: price_min && Math.round(price_min * 100),
    price_max_cents: price_max && Math.round(price_max * 100),
    free_from: day && (day === today() ? new Date().toISOString() : at(day)),
    free_until: day && at(plus(day, 1)),
  };
}

/** Show the first page, or the one after. Answers that were overtaken by a newer question are dropped. */
async function search(after = "") {
  const number = (asked += 1);
  list.ariaBusy = "true";
  const page = await get("/v1/doctors", { ...query(), limit: 20, after });
  if (number !== asked) return;
  const found = page.doctors.map((doctor) => h("li", {}, card(doctor)));
  fill(list, after ? [...list.children] : [], found);
  if (!list.children.length) fill(list, empty(t("search.nobody"), h("p", {}, t("search.nobody_mend"))));
  more.hidden = !page.next;
  more.onclick = async () => {
    await search(page.next);
    found.at(-1).nextElementSibling?.querySelector("a").focus();
  };
  fill($("#found"), list.querySelector("a") ? count("search.found", list.children.length, page.next) : "");
}

const card = (doctor) =>
  h("a", { class: "card link", href: `/doctors/${doctor.id}${day()}` }, doctorLines(doctor), icon("right"));

const day = () => (form.elements.day.value ? `?day=${form.elements.day.value}` : "");

function remember() {
  const given = [...new FormData(form)].filter(([, value]) => value);
  history.replaceState(null, "", given.length ? `?${new URLSearchParams(given)}` : location.pathname);
}

function restore() {
  const given = new URLSearchParams(location.search);
  for (const [name, value] of given) if (form.elements[name]) form.elements[name].value = value;
  $("details", form).open = ["day", "state", "price_min", "price_max"].some((name) => given.has(name));
}

let waiting;
function soon(delay_ms) {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    remember();
    search();
  }, delay_ms);
}

async function offerSpecialties() {
  const { specialties } = await get("/v1/specialties");
  const named = specialties.map((name) => [specialty(name), name]).sort(([a], [b]) => a.localeCompare(b));
  $(".chips", form).append(
    ...named.map(([text, name]) =>
      h("label", {}, h("input", { type: "radio", name: "specialty", value: name }), h("span", {}, text)),
    ),
  );
}

offerStates();
form.elements.day.min = today();
fill(list, bones(4));
list.ariaBusy = "true";
await offerSpecialties();
restore();
form.addEventListener("submit", (event) => {
  event.preventDefault();
  soon(0);
});
form.addEventListener("change", () => soon(0));
form.elements.name.addEventListener("input", () => soon(300));
form.addEventListener("reset", () => soon(0));
await search();
