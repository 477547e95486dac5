// What doctors prescribed; and for the doctor of an appointment, prescribing.
import { change, get } from "./api.js";
import { $, empty, fill, h, say } from "./dom.js";
import { onSubmit } from "./forms.js";
import { stamp, t } from "./words.js";

export async function showPrescriptions(patient_id) {
  const { prescriptions } = await get("/v1/prescriptions", { patient_id, limit: 200 });
  fill($("#prescriptions"), prescriptions.length ? prescriptions.map(card) : empty(t("records.no_prescriptions")));
}

const card = (one) =>
  h(
    "li",
    { class: "card" },
    h("p", { class: "quiet" }, `${one.doctor_name} · ${stamp(one.issued_at)}`),
    h("ul", { class: "lines" }, one.items.map(item)),
    one.notes && h("p", {}, one.notes),
  );

const item = ({ medicine, dosage, instructions }) =>
  h("li", { class: "who" }, h("strong", {}, medicine), h("span", {}, dosage), h("span", { class: "quiet" }, instructions));

export function offerToPrescribe(appointment, patient_id) {
  const form = $("#prescribe");
  form.hidden = false;
  onSubmit(form, async (medicine) => {
    await change("POST", `/v1/appointments/${appointment}/prescriptions`, { items: [medicine] });
    form.reset();
    await showPrescriptions(patient_id);
    say(t("records.prescribed"));
  });
}
