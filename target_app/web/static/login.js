// Signing in: by e-mail or CPF, doctors by CRM and state.
import "./shell.js";
import { post } from "./api.js";
import { $ } from "./dom.js";
import { followKind, offerStates, onSubmit } from "./forms.js";
import { keep } from "./session.js";

const HOME = { patient: "/doctors", doctor: "/doctor", staff: "/me" };
const form = $("#login");

function credentials({ as, who, crm, crm_state, password }) {
  if (as === "doctor") return { crm, crm_state, password };
  return who.includes("@") ? { email: who.trim(), password } : { cpf: who.replace(/\D/g, ""), password };
}

/** The page that sent us here, when it is one of ours. */
function next() {
  const path = new URLSearchParams(location.search).get("next") ?? "";
  return /^\/(?![/\\])/.test(path) ? path : null;
}

offerStates();
followKind(form);
onSubmit(form, async (values) => {
  const { role } = keep(await post("/v1/sessions", credentials(values)));
  location.replace(next() ?? HOME[role]);
});
