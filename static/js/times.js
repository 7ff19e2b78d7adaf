// Moments in the reader's own time zone. The server writes them in UTC and says so.

const format = new Intl.DateTimeFormat(document.documentElement.lang, {
  dateStyle: "medium",
  timeStyle: "short",
});

function show(root) {
  for (const moment of root.querySelectorAll("time[data-moment]")) {
    moment.textContent = format.format(new Date(moment.dateTime));
    moment.removeAttribute("data-moment");
  }
}

show(document);
document.addEventListener("htmx:afterSwap", () => show(document));
