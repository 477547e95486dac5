// Medical files: a patient's own, or with ?patient_id=<id> those that a doctor may see.
import "./shell.js";
import { change, get } from "./api.js";
import { bones } from "./cards.js";
import { sha256 } from "./digest.js";
import { ask } from "./dialog.js";
import { $, empty, fill, h, say } from "./dom.js";
import { onSubmit } from "./forms.js";
import { told } from "./refusals.js";
import { session } from "./session.js";
import { offerToPrescribe, showPrescriptions } from "./prescriptions.js";
import { offerToShare, showShares } from "./shares.js";
import { put } from "./upload.js";
import { size, stamp, t } from "./words.js";

const KINDS = ["report", "xray", "photo", "prescription", "other"];
const CHECK_AGAIN_MS = 2000;
const followed = new Set();
const DICOM = "application/dicom";
const given = new URLSearchParams(location.search);
const patient_id = given.get("patient_id");
const isPatient = session()?.role === "patient";
const form = $("#upload");

async function showFiles() {
  const { records } = await get("/v1/records", { patient_id, limit: 200 });
  fill($("#files"), records.length ? records.map(card) : empty(t("records.none")));
  const isOwn = (record) => isPatient && record.uploaded_by === record.patient_id;
  for (const { id } of records.filter((record) => record.state === "checking" && isOwn(record))) follow(id);
}

/** Show what becomes of an upload; ask only while somebody looks, for what a doctor asks is in the patient's log. */
async function follow(id) {
  if (followed.has(id)) return;
  followed.add(id);
  let record;
  do {
    await new Promise((done) => setTimeout(done, CHECK_AGAIN_MS));
    while (document.hidden) await new Promise((done) => addEventListener("visibilitychange", done, { once: true }));
    record = await get(`/v1/records/${id}`).catch(() => null);
  } while (record?.state === "checking");
  followed.delete(id);
  if (record) $(`[data-id="${id}"]`)?.replaceWith(card(record));
}

function card(record) {
  return h(
    "li",
    { class: "card visit", "data-id": record.id },
    h(
      "div",
      { class: "who" },
      h("strong", {}, record.name),
      h("span", { class: "quiet" }, `${t(`kinds.${record.kind}`)} · ${size(record.size_bytes)} · ${stamp(record.created_at)}`),
      record.state !== "stored" && h("span", { class: `badge ${record.state}` }, t(`files.${record.state}`)),
      record.rejected_because && h("span", { class: "wrong" }, t(`rejected.${record.rejected_because}`)),
    ),
    h(
      "div",
      { class: "actions" },
      record.state === "stored" && h("button", { type: "button", class: "second", onclick: () => open(record) }, t("records.open")),
      isPatient && h("button", { type: "button", class: "quiet danger", onclick: () => remove(record) }, t("records.remove")),
    ),
  );
}

/** The small copy of an image, from where the file itself can be had; other files at once. */
async function open(record) {
  try {
    const { url, preview_url } = await get(`/v1/records/${record.id}/download`);
    const download = () => location.assign(url);
    if (!preview_url) return download();
    const picture = h("img", { src: preview_url, alt: record.name });
    await ask({ title: record.name, lines: [picture], go: t("records.download"), act: download });
  } catch (error) {
    say(told(error), true);
  }
}

async function remove(record) {
  const act = () => change("DELETE", `/v1/records/${record.id}`);
  if (await ask({ title: t("records.remove_title"), lines: [record.name], go: t("records.remove"), danger: true, act })) {
    await showFiles();
    say(t("records.removed"));
  }
}

async function showAccesses() {
  const { accesses } = await get("/v1/records/accesses", { limit: 200 });
  const line = ({ at, action, reader_name, record_name }) =>
    h("li", {}, `${stamp(at)} · ${t(`accesses.${action}`, { who: reader_name, what: record_name ?? t("records.gone") })}`);
  fill($("#accesses ul"), accesses.length ? accesses.map(line) : empty(t("records.no_accesses")));
}

onSubmit(form, async ({ file, kind }) => {
  const record = await change("POST", "/v1/records", {
    name: file.name,
    kind,
    content_type: file.type || (/\.dcm$/i.test(file.name) ? DICOM : ""),
    size_bytes: file.size,
    sha256: await sha256(await file.arrayBuffer()),
    ...(isPatient ? {} : { patient_id }),
  });
  const progress = $("#progress");
  progress.hidden = false;
  await put(record.upload_url, record.upload_headers, file, (share) => (progress.value = share)).finally(() => {
    progress.hidden = true;
  });
  await change("POST", `/v1/records/${record.id}/uploaded`);
  form.reset();
  say(t("records.uploaded"));
  await showFiles();
  follow(record.id);
});

$("#kind").append(...KINDS.map((kind) => h("option", { value: kind }, t(`kinds.${kind}`))));
fill($("#files"), bones(2));
const ours = isPatient ? [showShares(), showAccesses(), offerToShare(given.get("share"))] : [];
if (given.has("appointment")) {
  const { id, patient_name } = await get(`/v1/appointments/${given.get("appointment")}`);
  fill($("#whose"), t("records.whose", { name: patient_name }));
  $("#whose").hidden = false;
  offerToPrescribe(id, patient_id);
}
await Promise.all([showFiles(), showPrescriptions(patient_id), ...ours]);
