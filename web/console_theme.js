// Before anything is drawn: the theme that was chosen, so that a dark page does not flash white.
"use strict";
try {
  const theme = localStorage.getItem("bookstore.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // No storage: the system's theme.
}
