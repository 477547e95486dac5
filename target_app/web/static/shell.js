// What every page has: the navigation, the language, the way out, and outcomes of the page before.
import { $, say } from "./dom.js";
import { logOut, session } from "./session.js";
import { told } from "./refusals.js";

for (const link of document.querySelectorAll("[data-tab]")) {
  if (link.dataset.tab.split(" ").includes(document.documentElement.dataset.page)) link.ariaCurrent = "page";
}

/** Show pages in this language from now on. */
export function speak(code) {
  document.cookie = `language=${code}; path=/; max-age=31536000; samesite=lax`;
}

$("[data-language]").addEventListener("click", ({ currentTarget }) => {
  speak(currentTarget.dataset.language);
  location.reload();
});
$("[data-leave]").addEventListener("click", logOut);

const left = sessionStorage.getItem("say");
if (left) {
  sessionStorage.removeItem("say");
  say(left);
}

// A page that the browser kept from before signing out shows nothing of it.
addEventListener("pageshow", (event) => {
  const role = session()?.role ?? "nobody";
  if (event.persisted && role !== document.documentElement.dataset.role) location.reload();
});

for (const kind of ["error", "unhandledrejection"]) {
  addEventListener(kind, (event) => {
    say(told(event.reason ?? event.error), true);
    event.preventDefault();
  });
}
