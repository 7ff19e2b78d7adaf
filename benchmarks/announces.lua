-- wrk's side of the benchmark `announces`: one request for each line of $PATHS, in turn.
local requests, at = {}, 0

function init(args)
  local headers = { Host = "tracker" }
  if os.getenv("CONNECTION") then headers["Connection"] = os.getenv("CONNECTION") end
  for line in io.lines(os.getenv("PATHS")) do
    requests[#requests + 1] = wrk.format("GET", line, headers)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
