// Small comforts on top of pages that work without them. No state lives here: the address is the state.
"use strict";

document.documentElement.classList.add("js");

const announcer = () => document.getElementById("announcer");

// Says a change once to people who cannot see it. The text stands in the swapped part as data-announce.
let announced = "";
function announce(root) {
  const source = root.matches?.("[data-announce]") ? root : root.querySelector?.("[data-announce]");
  const text = source?.dataset.announce ?? "";
  if (text && text !== announced && announcer()) {
    announced = text;
    announcer().textContent = text;
  }
}

async function copy(button) {
  const text = document.getElementById(button.dataset.copy)?.textContent ?? "";
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text.trim());
    button.textContent = button.dataset.done;
  } catch {
    getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
    button.textContent = button.dataset.failed;
  }
  announcer().textContent = button.textContent;
  setTimeout(() => { button.textContent = before; }, 2500);
}

// Puts the cursor where the query text is wrong.
function pointAtError() {
  const field = document.querySelector("[data-error-start]");
  if (!field) return;
  field.focus();
  field.setSelectionRange(Number(field.dataset.errorStart), Number(field.dataset.errorEnd));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy]");
  if (button) copy(button);
});

document.addEventListener("keydown", (event) => {
  const field = event.target;
  // Enter in the query text applies it; Shift+Enter makes a new line.
  if (field.matches?.("textarea[data-submit-on-enter]") && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    field.form.requestSubmit();
  }
});

// What had the focus may be gone with the part of the page that was replaced: the new question takes it.
function keepFocus() {
  if (document.activeElement === document.body) document.getElementById("sentence")?.focus({ preventScroll: true });
}

document.addEventListener("htmx:afterSettle", (event) => {
  announce(event.detail.elt ?? document.body);
  if (event.detail.elt?.id === "cohort") { keepFocus(); pointAtError(); }
});
// A link or form of a part may lead to another page (sign-in, an error): then the whole page is taken.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = event;
  if (!detail.boosted) return;
  detail.shouldSwap = true;
  detail.isError = false;
  if (!detail.serverResponse.includes(`id="${detail.target.id}"`)) {
    detail.target = document.body;
    detail.selectOverride = "unset";
    detail.swapOverride = "innerHTML show:window:top";
  }
});

document.addEventListener("htmx:sendError", () => {
  const text = document.body.dataset.offline ?? "";
  if (announcer()) announcer().textContent = text;
});
document.addEventListener("DOMContentLoaded", pointAtError);

// On a narrow screen the list of criteria would push the answer far down: it starts closed there.
function closeWhenNarrow(root) {
  if (matchMedia("(max-width: 59.99rem)").matches) {
    for (const drawer of root.querySelectorAll("details[data-close-when-narrow]")) drawer.open = false;
  }
}
document.addEventListener("DOMContentLoaded", () => closeWhenNarrow(document));
document.addEventListener("htmx:load", (event) => closeWhenNarrow(event.detail.elt));

// A table wider than the screen is scrolled with the arrow keys once it can have the focus.
function reachScrollers(root) {
  for (const wrap of root.querySelectorAll(".table-wrap")) {
    if (wrap.scrollWidth > wrap.clientWidth) wrap.tabIndex = 0;
  }
}
document.addEventListener("DOMContentLoaded", () => reachScrollers(document));
document.addEventListener("htmx:load", (event) => reachScrollers(event.detail.elt));
