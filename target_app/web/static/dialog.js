// Asking once more before something happens.
import { h } from "./dom.js";
import { told } from "./refusals.js";
import { t } from "./words.js";

let made = 0;

/**
 * Show a question. `act(reason)` runs when the answer is yes; the dialog closes once that succeeded, and shows the
 * refusal otherwise. `reason`: the label of a text that must be given. Gives whether it was done.
 */
export function ask({ title, lines = [], reason = null, go, danger = false, act }) {
  const id = `dialog-${(made += 1)}`;
  const field = h("textarea", { id: `${id}-reason`, rows: 3, maxlength: 500, required: true });
  const refusal = h("p", { class: "refusal", role: "alert", hidden: true });
  const yes = h("button", danger ? { class: "danger" } : {}, go);
  const no = h("button", { type: "button", class: "second", onclick: () => dialog.close() }, t("site.back"));
  const form = h(
    "form",
    { method: "dialog", novalidate: true },
    h("h2", { id }, title),
    lines.map((line) => h("p", {}, line)),
    reason && h("div", { class: "field" }, h("label", { for: field.id }, reason), field),
    refusal,
    h("div", { class: "actions" }, yes, no),
  );
  const dialog = h("dialog", { "aria-labelledby": id }, form);
  let done = false;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.ariaBusy === "true") return;
    refusal.hidden = true;
    try {
      if (reason && !field.value.trim()) return show(t("fields.missing"), field);
      form.ariaBusy = "true";
      await act(field.value.trim());
      done = true;
      dialog.close();
    } catch (error) {
      show(told(error), yes);
    } finally {
      form.ariaBusy = null;
    }
  });
  const show = (text, focused) => {
    refusal.textContent = text;
    refusal.hidden = false;
    focused.focus();
  };

  document.body.append(dialog);
  dialog.showModal();
  (reason ? field : yes).focus();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      answer(done);
    });
  });
}
