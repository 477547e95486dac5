// The doctors whom a patient lets see their files without an appointment.
import { change, get } from "./api.js";
import { ask } from "./dialog.js";
import { $, empty, fill, h, say } from "./dom.js";
import { stamp, t } from "./words.js";

const DAYS = 30;
const DAY_MS = 86_400_000;

export async function showShares() {
  const { shares } = await get("/v1/records/shares");
  fill($("#shares ul"), shares.length ? shares.map(card) : empty(t("shares.none")));
}

const card = ({ doctor_id, doctor_name, expires_at }) =>
  h(
    "li",
    { class: "card visit" },
    h(
      "div",
      { class: "who" },
      h("strong", {}, doctor_name),
      h("span", { class: "quiet" }, t("shares.until", { when: stamp(expires_at) })),
    ),
    h("div", { class: "actions" }, h("button", { type: "button", class: "second", onclick: () => stop(doctor_id) }, t("shares.stop"))),
  );

async function stop(doctor_id) {
  await change("DELETE", `/v1/records/shares/${doctor_id}`);
  await showShares();
  say(t("shares.stopped"));
}

/** Ask whether to share with the doctor from whose page the patient comes, if any. */
export async function offerToShare(doctor_id) {
  if (!doctor_id) return;
  history.replaceState(null, "", location.pathname);
  const { name } = await get(`/v1/doctors/${doctor_id}`);
  const expires_at = new Date(Date.now() + DAYS * DAY_MS).toISOString();
  const act = () => change("PUT", `/v1/records/shares/${doctor_id}`, { expires_at });
  if (await ask({ title: t("shares.title_ask"), lines: [name, t("shares.explained", { days: DAYS })], go: t("shares.go"), act })) {
    await showShares();
    say(t("shares.done"));
  }
}
