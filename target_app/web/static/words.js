// Texts in the page's language, and dates and prices as that language writes them. Times are those of São Paulo.

export const locale = document.documentElement.lang;
export const ZONE = "America/Sao_Paulo";
const { default: texts } = await import(document.documentElement.dataset.words);
const plural = new Intl.PluralRules(locale);

/** The text of a key, with each {name} filled in. */
export function t(key, values = {}) {
  return texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** The text that fits the number: its key ends in "_one" or "_other". `more`: there are more than that. */
export function count(key, number, more = false) {
  const shown = number.toLocaleString(locale) + (more ? "+" : "");
  return t(`${key}_${plural.select(number) === "one" ? "one" : "other"}`, { count: shown });
}

export const has = (key) => key in texts;

/** Specialties come from the directory; one that nobody translated is shown as it is. */
export const specialty = (name) => texts[`specialties.${name}`] ?? name.charAt(0).toLocaleUpperCase(locale) + name.slice(1);

const format = (options) => new Intl.DateTimeFormat(locale, { timeZone: ZONE, ...options });
const formats = {
  time: format({ timeStyle: "short" }),
  day: format({ weekday: "long", day: "numeric", month: "long" }),
  weekday: format({ weekday: "short" }),
  monthDay: format({ day: "numeric", month: "short" }),
  moment: format({ dateStyle: "full", timeStyle: "short" }),
  stamp: format({ dateStyle: "medium", timeStyle: "short" }),
};

const capital = (text) => text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);
export const time = (at) => formats.time.format(new Date(at));
export const day = (at) => capital(formats.day.format(new Date(at)));
export const weekday = (at) => capital(formats.weekday.format(new Date(at)).replace(".", ""));
export const monthDay = (at) => formats.monthDay.format(new Date(at)).replace(".", "");
export const moment = (at) => capital(formats.moment.format(new Date(at)));
export const stamp = (at) => formats.stamp.format(new Date(at));

const money = new Intl.NumberFormat(locale, { style: "currency", currency: "BRL" });
export const price = (cents) => money.format(cents / 100);

const megabytes = new Intl.NumberFormat(locale, { style: "unit", unit: "megabyte", maximumFractionDigits: 1 });
const kilobytes = new Intl.NumberFormat(locale, { style: "unit", unit: "kilobyte", maximumFractionDigits: 0 });
export const size = (bytes) => (bytes < 1e6 ? kilobytes.format(Math.max(1, bytes / 1e3)) : megabytes.format(bytes / 1e6));

/** The specialties that have a name in this language, in its order. */
export function specialties() {
  const names = Object.keys(texts).filter((key) => key.startsWith("specialties."));
  return names.map((key) => key.slice("specialties.".length)).sort((a, b) => specialty(a).localeCompare(specialty(b), locale));
}
