// What is kept about me, my language, and leaving for good.
import { change, get } from "./api.js";
import { ask } from "./dialog.js";
import { $, fill, h, sayNext } from "./dom.js";
import { onSubmit } from "./forms.js";
import { leave } from "./session.js";
import { speak } from "./shell.js";
import { price, specialty, t } from "./words.js";

const me = await get("/v1/me");
const SHOWN = {
  name: (value) => value,
  email: (value) => value,
  cpf: (value) => value.replace(/(\d{3})(\d{3})(\d{3})(\d{2})/, "$1.$2.$3-$4"),
  crm: (value) => (me.crm_state ? `${value}/${me.crm_state}` : value),
  specialty,
  price_cents: price,
};

fill(
  $("#data"),
  Object.entries(SHOWN)
    .filter(([name]) => me[name] != null)
    .flatMap(([name, shown]) => [h("dt", {}, t(`me.${name}`)), h("dd", {}, shown(me[name]))]),
);

$("#locale").value = me.locale;
for (const field of $("#language").elements) field.disabled = false; // not before: the answer would undo a choice
onSubmit($("#language"), async ({ locale }) => {
  await change("PATCH", "/v1/me", { locale });
  speak(locale);
  location.reload();
});

$("#delete").addEventListener("click", async () => {
  const done = await ask({
    title: t("me.delete_title"),
    lines: [t("me.delete_text")],
    go: t("me.delete_go"),
    danger: true,
    act: () => change("DELETE", "/v1/me"),
  });
  if (done) {
    leave();
    sayNext(t("me.deleted"));
  }
});
