// Forms that say in the reader's language what is wrong, beside the field.
import { $, h } from "./dom.js";
import { Problem } from "./api.js";
import { told } from "./refusals.js";
import { has, t } from "./words.js";

/** On submission, when every visible field is right: `act(values)`, with the button busy until it is done. */
export function onSubmit(form, act) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.ariaBusy === "true" || !isRight(form)) return;
    form.ariaBusy = "true";
    try {
      await act(Object.fromEntries(new FormData(form)));
    } catch (error) {
      refuse(form, error);
    } finally {
      form.ariaBusy = null;
    }
  });
}

/** Mark what is wrong and go to the first of it. */
function isRight(form) {
  settle(form);
  const bad = fields(form).filter((field) => field.offsetParent && !field.disabled && !field.validity.valid);
  for (const field of bad) mark(field, message(field));
  bad[0]?.focus();
  return bad.length === 0;
}

/** Show a refusal of the server: at the fields that it names, or else at the form. */
export function refuse(form, error) {
  const text = told(error);
  const named = new Map((error instanceof Problem ? error.errors : []).flatMap(({ at }) => where(form, at)));
  for (const [field, name] of named) mark(field, wrong(name));
  named.keys().next().value?.focus();
  const refusal = $(".refusal", form);
  refusal.textContent = text;
  refusal.hidden = named.size > 0;
}

/** The visible field for a part of the request such as "body/cpf", with that part's name. */
function where(form, at) {
  const name = at.split("/").reverse().find((part) => /[a-z]/.test(part)) ?? "";
  const field = fields(form).find((each) => each.name === name || each.dataset.for?.split(" ").includes(name));
  return field?.offsetParent ? [[field, name]] : [];
}

function settle(form) {
  $(".refusal", form).hidden = true;
  for (const field of fields(form)) {
    field.removeAttribute("aria-invalid");
    field.setAttribute("aria-describedby", `${field.id}-hint`);
    $(`#${field.id}-wrong`, form)?.remove();
  }
}

function mark(field, text) {
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", `${field.id}-wrong ${field.id}-hint`);
  field.after(h("p", { class: "wrong", id: `${field.id}-wrong` }, text));
}

function message(field) {
  if (field.validity.valueMissing) return t("fields.missing");
  return wrong(field.name);
}

const wrong = (name) => (has(`wrong.${name}`) ? t(`wrong.${name}`) : t("wrong.any"));

const fields = (form) => [...form.elements].filter((field) => field.matches(".field input, .field select, .field textarea"));

const STATES = "AC AL AM AP BA CE DF ES GO MA MG MS MT PA PB PE PI PR RJ RN RO RR RS SC SE SP TO".split(" ");

/** The states of Brazil in every selection that wants them. */
export function offerStates() {
  for (const select of document.querySelectorAll("[data-states]")) {
    select.append(h("option", { value: "" }, select.required ? t("fields.choose") : t("search.any")));
    select.append(...STATES.map((state) => h("option", {}, state)));
  }
}

/** Show the fields of the kind of account that is chosen, and only those. */
export function followKind(form) {
  const follow = () => {
    for (const part of form.querySelectorAll("[data-as]")) {
      part.hidden = part.dataset.as !== form.elements.as.value;
      for (const field of part.querySelectorAll("input, select")) field.disabled = part.hidden;
    }
  };
  const asked = new URLSearchParams(location.search).get("as");
  if (asked === "doctor") form.elements.as.value = asked;
  form.addEventListener("change", follow);
  follow();
}
