// Parts that several pages show.
import { h } from "./dom.js";
import { day, price, specialty, t, time } from "./words.js";

export const doctorLines = (doctor) =>
  h(
    "div",
    { class: "who" },
    h("strong", {}, doctor.name),
    h("span", { class: "quiet" }, `${specialty(doctor.specialty)} · CRM ${doctor.crm}`),
    h("span", { class: "price" }, price(doctor.price_cents)),
  );

export const badge = (state) => h("span", { class: `badge ${state}` }, t(`states.${state}`));

/** When something is: the clock time large, with the day unless the page says which one it is. */
export const when = (starts_at, minutes, withDay = true) =>
  h(
    "time",
    { class: "when", datetime: starts_at },
    h("strong", {}, time(starts_at)),
    withDay && h("span", {}, day(starts_at)),
    h("span", { class: "quiet" }, t("site.minutes", { minutes })),
  );

/** The way into the video call; only for an address of the web. */
export const videoLink = (url, label) =>
  /^https?:\/\//.test(url ?? "") && h("a", { class: "button", href: url, rel: "noopener noreferrer", target: "_blank" }, label);

/** What is shown until the answer is there. */
export const bones = (number) =>
  Array.from({ length: number }, () => h("li", { class: "card bones", "aria-hidden": "true" }));
