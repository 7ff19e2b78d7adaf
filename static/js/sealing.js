// Live progress of a listing that is being prepared. The server tells it by WebSocket; htmx
// asks every two seconds besides, so the page is right also without one.

const status = document.querySelector("[data-progress-status]");
let told = 0;

document.addEventListener("geobuk:sealing.progress", ({ detail }) => {
  const box = document.getElementById("progress");
  if (!box || box.dataset.draft !== detail.draft) return;
  const stage = box.querySelector("[data-stage]").dataset.stage;
  if (detail.stage !== stage || detail.state === "failed") {
    // The words of another stage come from the server.
    htmx.trigger(box, "geobuk:refresh");
    return;
  }
  const bar = box.querySelector("progress");
  bar.max = detail.total || 1;
  bar.value = detail.done;
  const percent = Math.floor((100 * detail.done) / (detail.total || 1));
  box.querySelector("[data-percent]").textContent = percent;
  // A screen reader hears every quarter, not every step.
  if (percent >= told + 25) {
    told = percent - (percent % 25);
    status.textContent = `${told} ${status.dataset.text}`;
  }
});
