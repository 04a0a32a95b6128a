// Before anything is drawn: as the system has it, unless somebody chose.
"use strict";
(() => {
  const root = document.documentElement;
  if (root.hasAttribute("data-chosen")) return;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => root.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
  dark.addEventListener("change", follow);
  follow();
})();
