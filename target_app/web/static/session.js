// Who is signed in. The API wants a bearer token with every request, and no cookie means no request can be forged
// from elsewhere. Both tokens live in sessionStorage: they end with the tab, and survive the step to the next page,
// which memory would not; keeping only the refresh token there would spend one at every page. Scripts from elsewhere
// cannot read them, for the pages' security policy lets none run.

const KEY = "session";
const EARLY_MS = 30_000;
const others = new BroadcastChannel(KEY);

export const session = () => JSON.parse(sessionStorage.getItem(KEY));

/** Keep the answer of POST /v1/sessions or of a refresh. */
export function keep(answer) {
  const kept = {
    token: answer.token,
    expires_ms: Date.now() + answer.expires_in * 1000,
    refresh_token: answer.refresh_token,
    role: answer.role,
  };
  sessionStorage.setItem(KEY, JSON.stringify(kept));
  return kept;
}

/** A token that is valid now, or null. `refused`: a token that the server did not accept. */
export async function token(refused = null) {
  const kept = session();
  if (!kept) return null;
  if (kept.token !== refused && kept.expires_ms - EARLY_MS > Date.now()) return kept.token;
  // A refresh token works once: of a tab and its duplicates one asks, and tells the others.
  return navigator.locks.request(KEY, async () => {
    const latest = session();
    if (latest && latest.token !== kept.token) return latest.token;
    return latest && refresh(latest);
  });
}

async function refresh(kept) {
  if (!kept.refresh_token) return null;
  const answer = await post("/v1/sessions/refresh", kept.refresh_token);
  if (answer.status >= 500 || answer.status === 429) throw new TypeError(`refresh: ${answer.status}`);
  if (!answer.ok) return null;
  const renewed = keep(await answer.json());
  others.postMessage({ was: kept.token, renewed });
  return renewed.token;
}

others.onmessage = ({ data }) => {
  if (session()?.token === data.was) sessionStorage.setItem(KEY, JSON.stringify(data.renewed));
};

/** Forget who is here and go to the sign-in page, from where `next` leads back. */
export function leave(next = null) {
  sessionStorage.clear();
  location.assign(next ? `/login?next=${encodeURIComponent(next)}` : "/login");
}

export async function logOut() {
  const kept = session();
  if (kept?.refresh_token) await post("/v1/sessions/logout", kept.refresh_token).catch(() => null);
  leave();
}

function post(path, refresh_token) {
  const headers = { "Content-Type": "application/json" };
  return fetch(path, { method: "POST", headers, body: JSON.stringify({ refresh_token }) });
}
