// Asking the API. What fails for a moment is asked again; a change keeps its Idempotency-Key until its outcome is
// known, even over a reload, so that it never happens twice: for ten minutes, or until its thing has changed otherwise.
import { leave, token } from "./session.js";
import { sha256 } from "./digest.js";

const TRIES = 4;
const TIMEOUT_MS = 15_000;
const WAIT_S_MAX = 5;
const KEPT_MS = 600_000;
const OPEN = "change ";

/** A refusal: `reason` is stable, `errors` says which fields of the request were wrong. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.title ?? `${status}`);
    this.status = status;
    this.reason = (body.type ?? "/problems/unknown").replace("/problems/", "");
    this.errors = body.errors ?? [];
    this.body = body;
  }
}

/** No answer came, however often we asked: whether it happened is not known. */
export class Unreachable extends Error {}

/** Read something; the query leaves out what is empty. */
export function get(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  const search = new URLSearchParams(given).toString();
  return patiently(() => authorised("GET", search ? `${path}?${search}` : path));
}

/** Change something: once, however often it must be sent. */
export async function change(method, path, body) {
  const place = OPEN + (await sha256(new TextEncoder().encode(`${method} ${path} ${JSON.stringify(body)}`)));
  const kept = JSON.parse(sessionStorage.getItem(place));
  const key = kept && Date.now() - kept.sent_ms < KEPT_MS ? kept.key : crypto.randomUUID();
  sessionStorage.setItem(place, JSON.stringify({ key, method, path, sent_ms: Date.now() }));
  try {
    const answer = await patiently(() => authorised(method, path, body, key));
    sessionStorage.removeItem(place);
    forget(method, path);
    return answer;
  } catch (error) {
    if (error instanceof Problem && error.status < 500) sessionStorage.removeItem(place);
    throw error;
  }
}

/** What this change has overtaken must not be answered as it was before: what it was made by, and its opposite. */
function forget(method, path) {
  for (const place of Object.keys(sessionStorage).filter((name) => name.startsWith(OPEN))) {
    const open = JSON.parse(sessionStorage.getItem(place));
    const isOpposite = path === open.path && method !== open.method;
    if (isOpposite || path.startsWith(`${open.path}/`)) sessionStorage.removeItem(place);
  }
}

/** Send without a session: signing in, and with a key of the form's signing up. */
export function post(path, body, key = null) {
  return patiently(() => send("POST", path, body, key ? { "Idempotency-Key": key } : {}));
}

async function patiently(ask) {
  for (let tries = 1; ; tries += 1) {
    const answer = await ask().catch(() => null);
    const wait_s = Number(answer?.headers.get("retry-after")) || 0.4 * 2 ** tries * (0.5 + Math.random());
    const isLast = tries === TRIES || wait_s > WAIT_S_MAX;
    if (answer && ((answer.status < 500 && answer.status !== 429) || (isLast && isProblem(answer)))) return read(answer);
    if (isLast) throw new Unreachable();
    await new Promise((done) => setTimeout(done, wait_s * 1000));
  }
}

const isProblem = (answer) => answer.headers.get("content-type") === "application/problem+json";

async function authorised(method, path, body, key) {
  const headers = key ? { "Idempotency-Key": key } : {};
  const bearer = await token();
  const answer = await send(method, path, body, { ...headers, Authorization: `Bearer ${bearer}` });
  if (answer.status !== 401) return answer;
  const renewed = await token(bearer);
  if (renewed) return send(method, path, body, { ...headers, Authorization: `Bearer ${renewed}` });
  leave(location.pathname + location.search);
  return answer;
}

function send(method, path, body, headers) {
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return fetch(path, { method, headers, ...content, signal: AbortSignal.timeout(TIMEOUT_MS) });
}

async function read(answer) {
  if (answer.status === 204) return null;
  const body = await answer.json();
  if (!answer.ok) throw new Problem(answer.status, body);
  return body;
}
