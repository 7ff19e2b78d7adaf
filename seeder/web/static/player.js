// The player page: keys, the list of files, and the sentence when bytes stop coming.
// Playback itself needs none of this: the media elements fetch ranges on their own.

const player = document.getElementById("player");
const media = document.getElementById("media");
const stopped = document.getElementById("stopped");
const reason = document.getElementById("reason");
const address = document.getElementById("address");
const words = player.dataset;
const ending = !document.getElementById("terms").hidden;

function say(sentence) {
  reason.textContent = sentence;
  stopped.hidden = false;
}

/** Ask the player why: it knows whether the bytes were changed or the purchase withdrawn. */
async function explain(fallback) {
  try {
    const answer = await fetch(words.state, { headers: { Accept: "application/json" } });
    const { refusal, terms, stops } = await answer.json();
    limit(terms, stops);
    if (refusal) end(refusal);
    else if (fallback) say(fallback);
  } catch {
    say(words.gone);
  }
}

/** What is left, for what ends; and a look at the moment when it should be over. */
function limit(terms, stops) {
  const line = document.getElementById("terms");
  if (terms && line.textContent !== terms) line.textContent = terms;
  line.hidden = !terms;
  clearTimeout(limit.timer);
  if (!stops) return;
  // At most a quarter of an hour ahead: the end may move while a lease is renewed.
  const wait = Math.min(Math.max(new Date(stops) - Date.now(), 0) + 1000, 900_000);
  limit.timer = setTimeout(() => explain(""), wait);
}

/** Bytes that the browser holds already would play or show on, so it is told to stop. */
function end(sentence) {
  media?.pause();
  if (ending) for (const id of ["picture", "document"]) document.getElementById(id)?.remove();
  say(sentence);
}

const links = [...document.querySelectorAll(".list a")];
const sameKind = links.filter((link) => link.dataset.kind === document.getElementById("stage").dataset.kind);

/** Another file of the same kind plays in the same element; any other gets its own page. */
function choose(link, { start = true } = {}) {
  if (!media || !sameKind.includes(link)) {
    location.assign(link.href);
    return;
  }
  for (const other of links) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  const track = document.getElementById("track");
  if (track) track.textContent = link.dataset.name;
  const save = document.getElementById("save");
  if (save) save.href = `${link.dataset.url}?save=1`;
  address.value = new URL(link.dataset.url, location.href).href;
  history.replaceState(null, "", link.href);
  media.src = link.dataset.url;
  stopped.hidden = true;
  describe(link.dataset.name);
  if (start) media.play().catch(() => {});
}

function step(by) {
  const current = sameKind.findIndex((link) => link.hasAttribute("aria-current"));
  const next = sameKind[current + by];
  if (next) choose(next);
}

function describe(name) {
  document.title = `${name} · ${words.title}`;
  if ("mediaSession" in navigator) {
    navigator.mediaSession.metadata = new MediaMetadata({ title: name, album: words.title });
  }
}

for (const link of links) {
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    choose(link);
  });
}

if (media) {
  media.addEventListener("error", () => explain(words.broken));
  media.addEventListener("stalled", () => explain(""));
  media.addEventListener("ended", () => step(1));
  media.addEventListener("play", () => player.classList.add("is-playing"));
  // Only what ends has something to tell when it begins.
  if (ending) media.addEventListener("playing", () => explain(""));
  media.addEventListener("pause", () => player.classList.remove("is-playing"));
  if ("mediaSession" in navigator && sameKind.length > 1) {
    navigator.mediaSession.setActionHandler("nexttrack", () => step(1));
    navigator.mediaSession.setActionHandler("previoustrack", () => step(-1));
  }
  document.addEventListener("keydown", onKey);
}
document.getElementById("picture")?.addEventListener("error", () => explain(words.broken));
document.getElementById("document")?.addEventListener("load", () => explain(""));

// A picture or a document has begun by being here, and ends like a film.
if (ending) explain("");

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.target.closest("input, button, summary, a") && [" ", "Enter"].includes(event.key)) return;
  if (event.target.closest("input")) return;
  // The element's own keys act where it has the focus; ours would act twice.
  const own = event.target === media;
  const acts = {
    k: () => (media.paused ? media.play() : media.pause()),
    m: () => { media.muted = !media.muted; },
    n: () => step(1),
    p: () => step(-1),
    f: () => (document.fullscreenElement ? document.exitFullscreen() : media.requestFullscreen?.()),
  };
  if (!own) {
    acts[" "] = acts.k;
    acts.ArrowLeft = () => { media.currentTime = Math.max(0, media.currentTime - 5); };
    acts.ArrowRight = () => { media.currentTime = Math.min(media.duration || 0, media.currentTime + 5); };
    acts.ArrowUp = () => { media.volume = Math.min(1, media.volume + 0.05); };
    acts.ArrowDown = () => { media.volume = Math.max(0, media.volume - 0.05); };
  }
  const act = acts[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (act) {
    event.preventDefault();
    Promise.resolve(act()).catch(() => {});
  }
}

document.getElementById("copy").addEventListener("click", async (event) => {
  const button = event.currentTarget;
  try {
    await navigator.clipboard.writeText(address.value);
    button.textContent = words.copied;
  } catch {
    address.select();
  }
});

// What goes out meanwhile is asked for while somebody can see it.
const sharing = document.getElementById("sharing");

async function lookAtSharing() {
  if (document.hidden) return;
  try {
    const answer = await fetch(sharing.dataset.url, { headers: { Accept: "application/json" } });
    const { lines } = await answer.json();
    if (!answer.ok || lines.join("\n") === [...sharing.children].map((li) => li.textContent).join("\n")) return;
    sharing.replaceChildren(...lines.map((line) => {
      const item = document.createElement("li");
      item.textContent = line;
      return item;
    }));
  } catch {
    // The player is gone; the page says so where it matters.
  }
}
setInterval(lookAtSharing, 3000);
document.addEventListener("visibilitychange", lookAtSharing);
