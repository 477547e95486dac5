// Refusals in the reader's words.
import { Problem, Unreachable } from "./api.js";
import { has, t } from "./words.js";

/** What to tell about an error. What is no refusal is a mistake of ours, and is thrown on. */
export function told(error) {
  if (error instanceof Unreachable) return t("problems.unreachable");
  if (!(error instanceof Problem)) throw error;
  return has(`problems.${error.reason}`) ? t(`problems.${error.reason}`) : t("problems.unknown");
}
