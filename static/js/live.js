// One WebSocket a page: what the server tells this user becomes a DOM event.
// `document` gets a CustomEvent "geobuk:<kind>" whose detail is the payload, and
// "geobuk:online" / "geobuk:offline" when the connection comes and goes.

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 30000;

function connect(pause) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws/user/`);
  let next = Math.min(pause * 2, LONGEST_PAUSE);

  socket.addEventListener("open", () => {
    next = FIRST_PAUSE;
    document.dispatchEvent(new CustomEvent("geobuk:online"));
  });
  socket.addEventListener("message", (message) => {
    const { kind, payload } = JSON.parse(message.data);
    document.dispatchEvent(new CustomEvent(`geobuk:${kind}`, { detail: payload }));
  });
  socket.addEventListener("close", (event) => {
    document.dispatchEvent(new CustomEvent("geobuk:offline"));
    // 4401: not logged in any more. Trying again would not change that.
    if (event.code !== 4401) setTimeout(() => connect(next), next);
  });
}

if (document.documentElement.dataset.live === "on") connect(FIRST_PAUSE / 2);
