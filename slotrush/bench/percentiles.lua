-- For wrk: the whole run on one line, times in µs.
function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("percentiles %d %d %d %d %d\n", summary.requests, failed,
    latency:percentile(50), latency:percentile(90), latency:percentile(99)))
end
