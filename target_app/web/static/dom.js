// Making elements. Text is only ever inserted as text.

/** An element with attributes ("onclick" and the like listen) and children: elements, texts, or nothing. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

export const $ = (selector, within = document) => within.querySelector(selector);

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const [svg, use] = [document.createElementNS(space, "svg"), document.createElementNS(space, "use")];
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${document.documentElement.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}

/** Show the children in place of what was there, bones included. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat());
  element.removeAttribute("aria-busy");
}

/** What a list shows when it has nothing to show. */
export const empty = (text, ...more) => h("li", { class: "empty" }, h("p", {}, text), ...more);

let fading;
/** Tell the outcome to everybody, those who listen included. Errors stay until the next outcome. */
export function say(text, isError = false) {
  const said = $("#said");
  clearTimeout(fading);
  said.classList.toggle("error", isError);
  said.textContent = text;
  if (!isError) fading = setTimeout(() => said.replaceChildren(), 8000);
}

/** Say it on the page that comes next. */
export function sayNext(text) {
  sessionStorage.setItem("say", text);
}
