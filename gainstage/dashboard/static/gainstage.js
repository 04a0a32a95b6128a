// What is nicer with a script; every page works without it.
"use strict";
(() => {
  const prepare = (root) => {
    for (const button of root.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = button.dataset.copy ? document.getElementById(button.dataset.copy) : button.parentElement.querySelector("pre, input");
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    button.classList.add("copied");
    setTimeout(() => button.classList.remove("copied"), 1500);
  });
  // One confirmation is open at a time, inside the window; Escape closes what is open.
  document.addEventListener("toggle", (event) => {
    if (!event.target.matches?.("details.confirm[open]")) return;
    for (const other of document.querySelectorAll("details.confirm[open]")) if (other !== event.target) other.open = false;
    const box = event.target.querySelector(".confirm-box").getBoundingClientRect();
    if (box.right > document.documentElement.clientWidth) event.target.classList.add("confirm-left");
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const open of document.querySelectorAll("details.confirm[open]")) open.open = false;
  });
  // What refreshes itself leaves alone who reads closely, chooses something, or looks elsewhere.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const calm = event.target;
    if (!calm.matches?.("[data-calm]")) return;
    if (document.hidden || calm.contains(document.activeElement) || calm.querySelector("details[open]")) event.preventDefault();
  });
  // A form that is sent is not sent twice.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
    setTimeout(() => delete event.target.dataset.sent, 3000);
  });
  document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
  prepare(document);
})();
