// Days of São Paulo, written "2027-03-01" as date inputs do.
import { ZONE } from "./words.js";

const dates = new Intl.DateTimeFormat("en-CA", { timeZone: ZONE, year: "numeric", month: "2-digit", day: "2-digit" });
const offsets = new Intl.DateTimeFormat("en-US", { timeZone: ZONE, timeZoneName: "longOffset" });

/** The day on which the moment lies. */
export const dayOf = (at) => dates.format(new Date(at));

export const today = () => dayOf(Date.now());

/** The moment at which a clock in São Paulo shows this day and time ("08:00"), in ISO 8601 with its offset. */
export function at(day, time = "00:00") {
  const name = offsets.formatToParts(new Date(`${day}T${time}:00Z`)).find((part) => part.type === "timeZoneName").value;
  return `${day}T${time}:00${name.slice(3) || "+00:00"}`;
}

/** The day `days` later. */
export function plus(day, days) {
  const moved = new Date(`${day}T12:00:00Z`);
  moved.setUTCDate(moved.getUTCDate() + days);
  return moved.toISOString().slice(0, 10);
}
