// Publishing slots: every week over some time, or one.
import "./shell.js";
import { change } from "./api.js";
import { at, plus, today } from "./calendar.js";
import { $, h, say } from "./dom.js";
import { onSubmit } from "./forms.js";
import { count, weekday, ZONE } from "./words.js";

const A_MONDAY = "2024-01-01";
const WORKDAYS = 5;
const weekly = $("#weekly");
const single = $("#single");

$("#weekdays").append(
  ...[1, 2, 3, 4, 5, 6, 7].map((number) =>
    h(
      "label",
      {},
      h("input", { type: "checkbox", name: "weekday", value: number, checked: number <= WORKDAYS }),
      h("span", {}, weekday(at(plus(A_MONDAY, number - 1), "12:00"))),
    ),
  ),
);
for (const field of document.querySelectorAll("input[type=date]")) field.min = today();
weekly.elements.first_day.value = single.elements.day.value = plus(today(), 1);
weekly.elements.last_day.value = plus(today(), 28);

onSubmit(weekly, async ({ first_day, last_day, from, until, minutes, break_minutes }) => {
  const times = { from, until, minutes: Number(minutes), break_minutes: Number(break_minutes) };
  const weekdays = new FormData(weekly).getAll("weekday").map((weekday) => ({ weekday: Number(weekday), ...times }));
  const { created } = await change("POST", "/v1/slots/weekly", { first_day, last_day, timezone: ZONE, weekdays });
  say(count("publish.done", created));
});

onSubmit(single, async ({ day, at: clock, minutes }) => {
  const slots = [{ starts_at: at(day, clock), minutes: Number(minutes) }];
  const { created } = await change("POST", "/v1/slots", { slots });
  say(count("publish.done", created));
});
