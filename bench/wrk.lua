-- Sends the requests of two files in turn: a template, and a line for each value that goes into it.
-- The third argument is how many were sent before: it goes on from there. The fourth is how many
-- milliseconds a connection waits before each request.
-- Prints one line of JSON at the end. wrk calls init, request and done.
local requests = {}
local at = 0
local pause = 0

local function read(name)
  local file = assert(io.open(name, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

function init(args)
  at = tonumber(args[3])
  pause = tonumber(args[4])
  local template = read(args[1])
  local from, to = template:find("{}", 1, true)
  if from == nil then
    requests[1] = template
    return
  end
  local before, after = template:sub(1, from - 1), template:sub(to + 1)
  for value in io.lines(args[2]) do
    requests[#requests + 1] = before .. value .. after
  end
end

-- Different for each request, or all connections would ask in the same moment.
function delay()
  return math.random() * 2 * pause
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"micros":%d,"p50":%d,"p99":%d,"not2xx":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
