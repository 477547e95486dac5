// The API's operations, as the OpenAPI document describes them.
import "./shell.js";
import { $, fill, h } from "./dom.js";
import { t } from "./words.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
const api = await (await fetch("/openapi.json")).json();

/** What "#/components/schemas/Name" or the like stands for; other parts stand for themselves. */
function resolved(part) {
  return part?.$ref ? part.$ref.slice(2).split("/").reduce((whole, name) => whole[name], api) : part;
}

/** A value that fits the schema. */
function example(schema) {
  const { examples, default: usual, enum: values, anyOf, items, properties, type, ...rest } = resolved(schema) ?? {};
  const given = rest.example ?? examples?.[0] ?? values?.[0] ?? rest.const;
  if (given !== undefined) return given;
  if (properties) return Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, example(each)]));
  if (anyOf) return example(anyOf[0]);
  if (items) return [example(items)];
  return usual ?? { integer: rest.minimum ?? 1, number: 1, boolean: true, object: {} }[type] ?? rest.format ?? type;
}

function bodyOf(content) {
  const [type, media] = Object.entries(content ?? {})[0] ?? [];
  if (!media) return null;
  const shown = media.example ?? example(media.schema);
  return h("pre", { tabindex: "0", title: type }, JSON.stringify(shown, null, 2) ?? "");
}

function parameter(part) {
  const { name, in: place, required, description, schema } = resolved(part);
  const kinds = (schema?.anyOf ?? [schema]).map((each) => resolved(each)).filter((each) => each && each.type !== "null");
  const kind = kinds.map((each) => each.enum?.join(" | ") ?? each.format ?? each.type).join(" | ");
  const words = [kind, required && t("docs.required"), description].filter(Boolean).join(" · ");
  return [h("dt", {}, h("code", {}, name), ` ${place}`), h("dd", {}, words)];
}

const part = (title, ...content) => [h("h3", {}, title), ...content];

function answer([status, given]) {
  const { description, content } = resolved(given);
  return [h("p", {}, h("code", {}, status), ` ${description}`), /^2/.test(status) && bodyOf(content)];
}

function operation(method, path, { summary, description, parameters, requestBody, responses }) {
  const body = bodyOf(resolved(requestBody)?.content);
  return h(
    "details",
    { class: "card operation" },
    h("summary", {}, h("code", { class: `badge ${method}` }, method.toUpperCase()), h("code", {}, path), h("span", { class: "quiet" }, summary)),
    description && h("p", {}, description),
    parameters && part(t("docs.parameters"), h("dl", { class: "facts" }, parameters.map(parameter).flat())),
    body && part(t("docs.body"), body),
    part(t("docs.answers"), ...Object.entries(responses).map(answer).flat()),
  );
}

const areas = new Map();
for (const [path, operations] of Object.entries(api.paths)) {
  for (const method of METHODS.filter((each) => operations[each])) {
    const [tag] = operations[method].tags ?? [""];
    areas.set(tag, [...(areas.get(tag) ?? []), operation(method, path, operations[method])]);
  }
}
fill($("#about"), api.info.description.split("`").map((words, place) => (place % 2 ? h("code", {}, words) : words)));
fill($("#operations"), [...areas].map(([tag, cards]) => h("section", {}, h("h2", {}, tag), ...cards)));
