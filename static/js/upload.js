// The uploader of the studio: files go up by tus, several pieces a file, two files at a time.
// A piece that is cut is sent again; after a reload the same file goes on where it was,
// since tus-js-client remembers its address under the fingerprint.

const PIECE = 64 * 1024 * 1024;
const AT_ONCE = 2;
const RETRY_AFTER = [0, 1000, 3000, 5000, 10000, 20000, 40000];

const root = document.getElementById("uploader");
const text = root.dataset;
const rows = root.querySelector("[data-rows]");
const status = root.querySelector("[data-status]");
const template = root.querySelector("template[data-row]");
const jobs = [];

const fingerprint = (file) =>
  ["geobuk", text.draft, file.name, file.size, file.lastModified].join(":");

class Job {
  constructor(file) {
    this.file = file;
    this.state = "waiting"; // → running ⇄ paused | failed → gone
    this.row = template.content.firstElementChild.cloneNode(true);
    this.find("name").textContent = file.name.normalize("NFC");
    this.find("bar").setAttribute("aria-label", file.name.normalize("NFC"));
    for (const name of ["pause", "remove"]) {
      this.find(name).insertAdjacentHTML("beforeend", '<span class="visually-hidden"></span>');
      this.find(name).lastElementChild.textContent = ` ${file.name.normalize("NFC")}`;
    }
    this.find("pause").addEventListener("click", () => this.toggle());
    this.find("remove").addEventListener("click", () => this.remove());
    rows.append(this.row);
    this.show(text.textWaiting);
  }

  find(name) {
    return this.row.querySelector(`[data-${name}]`);
  }

  show(state) {
    this.find("state").textContent = state;
  }

  fail(sentence) {
    this.find("error").textContent = sentence;
    this.find("error").hidden = !sentence;
  }

  label(word) {
    this.find("pause").firstChild.textContent = word;
  }

  refuse(sentence) {
    this.state = "failed";
    this.show("");
    this.fail(sentence);
    this.find("pause").hidden = true;
    say(`${this.file.name}: ${sentence}`);
  }

  async start() {
    this.state = "running";
    this.label(text.textPause);
    this.fail("");
    if (!this.upload) {
      this.upload = this.create();
      const [previous] = await this.upload.findPreviousUploads();
      if (previous) this.upload.resumeFromPreviousUpload(previous);
    }
    this.begun = performance.now();
    this.before = null;
    if (this.state === "running") this.upload.start();
  }

  create() {
    return new tus.Upload(this.file, {
      endpoint: text.endpoint,
      chunkSize: PIECE,
      retryDelays: RETRY_AFTER,
      removeFingerprintOnSuccess: true,
      fingerprint: async (file) => fingerprint(file),
      metadata: { filename: this.file.name, draft: text.draft },
      onUploadUrlAvailable: () => hideActive(),
      onProgress: (sent, total) => this.progress(sent, total),
      onShouldRetry: (error, attempt, options) => {
        const code = error.originalResponse?.getStatus() ?? 0;
        const again = code < 400 || code === 409 || code === 423 || code >= 500;
        if (again) this.show(text.textRetrying);
        return again;
      },
      onError: (error) => this.stopped(error),
      onSuccess: () => this.done(),
    });
  }

  progress(sent, total) {
    this.find("bar").value = Math.round((1000 * sent) / total);
    const now = performance.now();
    this.before ??= sent;
    const rate = (sent - this.before) / Math.max(1, now - this.begun); // bytes a millisecond
    const percent = `${Math.floor((100 * sent) / total)} %`;
    if (rate > 0 && now - this.begun > 2000) {
      this.show(`${percent} · ${duration((total - sent) / rate)} ${text.textLeft}`);
    } else {
      this.show(percent);
    }
  }

  stopped(error) {
    const code = error.originalResponse?.getStatus() ?? 0;
    const sentence = code ? error.originalResponse.getBody() : "";
    this.state = "failed";
    this.show("");
    this.label(text.textResume);
    this.fail(sentence || text.textFailed);
    // What the shop refuses for good does not get better by trying again.
    if ([413, 422].includes(code)) this.find("pause").hidden = true;
    say(`${this.file.name}: ${sentence || text.textFailed}`);
    next();
  }

  done() {
    this.leave();
    say(`${this.file.name}: ${text.textDone}`);
    refresh();
    next();
  }

  async toggle() {
    if (this.state === "running" || this.state === "waiting") {
      const running = this.state === "running";
      this.state = "paused";
      this.label(text.textResume);
      this.show(text.textPaused);
      if (running) await this.upload.abort();
      next();
    } else {
      this.state = "waiting";
      this.label(text.textPause);
      this.show(text.textWaiting);
      this.fail("");
      next();
    }
  }

  async remove() {
    this.leave();
    say(`${this.file.name}: ${text.textRemoved}`);
    document.getElementById("file-input").focus();
    try {
      await this.upload?.abort(true);
    } catch {
      // The list still shows it, with a button that removes it.
    }
    refresh();
    next();
  }

  leave() {
    this.state = "gone";
    this.row.remove();
    jobs.splice(jobs.indexOf(this), 1);
    if (jobs.length === 0) notYet.hidden = true;
  }
}

function add(files) {
  for (const file of files) {
    if (jobs.some((job) => fingerprint(job.file) === fingerprint(file))) continue;
    const job = new Job(file);
    jobs.push(job);
    if (file.size === 0) job.refuse(text.textEmpty);
    else if (file.size > Number(text.maxBytes)) job.refuse(text.textLarge);
  }
  next();
}

function next() {
  const running = jobs.filter((job) => job.state === "running").length;
  const waiting = jobs.filter((job) => job.state === "waiting");
  for (const job of waiting.slice(0, Math.max(0, AT_ONCE - running))) job.start();
}

// The list is asked for in this element's name: a button of the list that is pressed meanwhile
// takes its place (hx-sync there), since its own answer is newer and would find no list to replace.
function refresh() {
  const wanted = { source: root, target: "#file-list", swap: "outerHTML" };
  // Rejected where a button took its place: then the list is newer than what was asked for.
  htmx.ajax("GET", text.list, wanted).catch(() => {});
}

// A file on its way is shown by its own row above, not as an unfinished one in the list.
function hideActive() {
  const active = new Set(jobs.map((job) => job.upload?.url?.split("/").pop()));
  for (const row of document.querySelectorAll("#file-list [data-upload]")) {
    row.hidden = active.has(row.dataset.upload);
  }
}

document.addEventListener("htmx:afterSwap", hideActive);

function say(sentence) {
  status.textContent = sentence;
}

function duration(milliseconds) {
  const seconds = Math.max(1, Math.round(milliseconds / 1000));
  const language = document.documentElement.lang || "en";
  const [value, unit] =
    seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [Math.round(seconds / 60), "minute"] : [Math.round(seconds / 3600), "hour"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(value);
}

const input = document.getElementById("file-input");
input.addEventListener("change", () => {
  add(input.files);
  input.value = ""; // so that the same file can be chosen again
});

const drop = root.querySelector("[data-drop]");
for (const kind of ["dragenter", "dragover"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("is-over");
  });
}
for (const kind of ["dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.remove("is-over");
    if (kind === "drop") add(event.dataTransfer.files);
  });
}

// What still stands in the rows above would be left out without a word.
const publish = document.getElementById("publish");
const notYet = publish.querySelector("[data-not-yet]");
publish.addEventListener("submit", (event) => {
  if (jobs.length === 0) return;
  event.preventDefault();
  const moving = jobs.some((job) => job.state === "running" || job.state === "waiting");
  notYet.textContent = moving ? text.textUploading : text.textUnfinished;
  notYet.hidden = false;
});

window.addEventListener("beforeunload", (event) => {
  if (jobs.some((job) => job.state === "running" || job.state === "waiting")) event.preventDefault();
});
