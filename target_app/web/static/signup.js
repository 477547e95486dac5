// Making an account, and signing in with it.
import "./shell.js";
import { post } from "./api.js";
import { $, h, sayNext } from "./dom.js";
import { followKind, offerStates, onSubmit } from "./forms.js";
import { keep } from "./session.js";
import { locale, specialties, specialty, t } from "./words.js";

const form = $("#signup");
const key = crypto.randomUUID(); // a refused sign-up leaves nothing behind, so one will do until it succeeds

function account({ as, name, email, password, cpf, crm, crm_state, specialty, price }) {
  const person = { name, email: email.trim(), password, locale };
  if (as === "patient") return { ...person, cpf: cpf.replace(/\D/g, "") };
  return { ...person, crm, crm_state, specialty, price_cents: Math.round(Number(price) * 100) };
}

offerStates();
$("#specialty").append(
  h("option", { value: "" }, t("fields.choose")),
  ...specialties().map((name) => h("option", { value: name }, specialty(name))),
);
followKind(form);
onSubmit(form, async (values) => {
  await post(values.as === "patient" ? "/v1/patients" : "/v1/doctors", account(values), key);
  keep(await post("/v1/sessions", { email: values.email.trim(), password: values.password }));
  sayNext(t("signup.done"));
  location.replace(values.as === "patient" ? "/doctors" : "/doctor/slots");
});
