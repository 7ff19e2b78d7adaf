// The library page: progress of downloads as it happens, and buttons that copy a command.
//
// Numbers are changed in place. When a copy changes its state, or is new, the words
// change too: then the list is asked for again, and the server writes them.

const LANGUAGE = document.documentElement.lang || "en";
const SIZES = ["", "KB", "MB", "GB"]; // as the server writes them
const REFRESH_PAUSE = 250; // milliseconds: several changes make one request
const COPIED_FOR = 2000;

const status = document.getElementById("library-status");
let refreshTimer = 0;

function refreshSoon() {
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(
    () => document.dispatchEvent(new CustomEvent("geobuk:library.refresh")),
    REFRESH_PAUSE,
  );
}

function rate(bytesPerSecond) {
  let value = bytesPerSecond;
  let unit = 0;
  while (value >= 999.5 && unit < SIZES.length - 1) {
    value /= 1000;
    unit += 1;
  }
  if (unit === 0) {
    return new Intl.NumberFormat(LANGUAGE, { style: "unit", unit: "byte-per-second" }).format(value);
  }
  const digits = value < 9.95 ? 1 : 0;
  const number = new Intl.NumberFormat(LANGUAGE, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${number.format(value)}\u00a0${SIZES[unit]}/s`;
}

document.addEventListener("geobuk:download.progress", ({ detail }) => {
  const key = CSS.escape(`${detail.device}:${detail.package}`);
  const copies = document.querySelectorAll(`[data-copy-key="${key}"]`);
  if (copies.length === 0) refreshSoon();
  for (const copy of copies) {
    if (copy.dataset.state !== detail.state) {
      if (detail.state === "seeding") status.textContent = copy.dataset.complete;
      copy.dataset.state = detail.state;
      refreshSoon();
      continue;
    }
    const bar = copy.querySelector("progress");
    if (bar) {
      bar.max = detail.total || 1;
      bar.value = detail.done;
    }
    const percent = copy.querySelector("[data-percent]");
    if (percent && detail.total) {
      percent.textContent = `${Math.floor((detail.done * 100) / detail.total)} %`;
    }
    const down = copy.querySelector('[data-rate="down"]');
    if (down) down.textContent = rate(detail.down_rate);
  }
});

// Missed events are caught up with when the connection is back.
let wasOffline = false;
document.addEventListener("geobuk:offline", () => {
  wasOffline = true;
});
document.addEventListener("geobuk:online", () => {
  if (wasOffline) refreshSoon();
  wasOffline = false;
});

// The clipboard exists on https and on this machine's own addresses only.
if (navigator.clipboard) {
  document.documentElement.dataset.clipboard = "on";
  document.addEventListener("click", async ({ target }) => {
    const button = target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    const label = button.textContent;
    if (label === button.dataset.copied) return;
    button.textContent = button.dataset.copied;
    status.textContent = `${button.dataset.copied}: ${button.dataset.copy}`;
    setTimeout(() => {
      button.textContent = label;
    }, COPIED_FOR);
  });
}
