-- Countersign for Apache httpd 2.4: a mod_lua hook that asks about a request and sets the token.
-- Needs mod_lua and LuaSocket (Debian: lua-socket).

local socket = require "socket"

local host, port, path = "127.0.0.1", 8080, "/auth/apache"
-- Seconds for connecting, and for each step of an answer.
local patience = 3

-- Hop by hop, about the body, or words that only a gateway may say.
local own = {
  ["connection"] = true, ["keep-alive"] = true, ["proxy-connection"] = true, ["te"] = true,
  ["trailer"] = true, ["transfer-encoding"] = true, ["upgrade"] = true, ["host"] = true,
  ["content-length"] = true, ["expect"] = true, ["x-custom-jwt"] = true, ["client-cert"] = true,
  ["x-forwarded-method"] = true, ["x-forwarded-proto"] = true, ["x-forwarded-host"] = true,
  ["x-forwarded-uri"] = true, ["x-countersign-credential"] = true, ["x-countersign-secret"] = true,
}

-- Connection may name headers for Apache to drop, also the ones that matter here (RFC 9110 §7.6.1).
local function nominates(connection)
  for name in (connection or ""):lower():gmatch("[^,%s]+") do
    if own[name] and name ~= "keep-alive" and name ~= "upgrade" and name ~= "te" then return true end
    if name == "authorization" or name == "apikey" then return true end
  end
  return false
end

local function line(name, value)
  -- What cannot be one header line is left out, and then missed by Countersign.
  if value == nil or value:find("[\r\n]") then return "" end
  return name .. ": " .. value .. "\r\n"
end

local function certificate(r)
  if not r.is_https or r:ssl_var_lookup("SSL_CLIENT_VERIFY") ~= "SUCCESS" then return nil end
  local pem = r:ssl_var_lookup("SSL_CLIENT_CERT") or ""
  local base64 = pem:gsub("%-%-%-%-%-[^-]+%-%-%-%-%-", ""):gsub("%s", "")
  return ":" .. base64 .. ":"
end

local function question(r)
  local lines = { "GET " .. path .. " HTTP/1.1\r\nHost: " .. host .. "\r\n" }
  for name, value in pairs(r:headers_in_table()) do
    if not own[name:lower()] then lines[#lines + 1] = line(name, value) end
  end
  lines[#lines + 1] = line("X-Forwarded-Method", r.method)
  lines[#lines + 1] = line("X-Forwarded-Proto", r.is_https and "https" or "http")
  lines[#lines + 1] = line("X-Forwarded-Host", r.headers_in["Host"])
  lines[#lines + 1] = line("X-Forwarded-Uri", r.unparsed_uri)
  lines[#lines + 1] = line("Client-Cert", certificate(r))
  return table.concat(lines) .. "\r\n"
end

-- One connection for each of Apache's threads (LuaScope thread).
local kept

local function receive(connection)
  local first, problem = connection:receive("*l")
  if not first then return nil, problem end
  local answer = { status = tonumber(first:match("^HTTP/1%.1 (%d%d%d)")), headers = {}, body = "" }
  if not answer.status then return nil, "not HTTP" end
  repeat
    local header
    header, problem = connection:receive("*l")
    if not header then return nil, problem end
    local name, value = header:match("^([^:]+):%s*(.-)%s*$")
    if name then
      name = name:lower()
      answer.headers[name] = answer.headers[name] and answer.headers[name] .. ", " .. value or value
    end
  until header == ""
  local length = tonumber(answer.headers["content-length"])
  if not length then return nil, "no length" end
  if length > 0 then answer.body, problem = connection:receive(length) end
  return answer.body and answer, problem
end

local function ask(text)
  for attempt = 1, 2 do
    local fresh = kept == nil
    if fresh then
      kept = socket.tcp()
      kept:settimeout(patience)
      if not kept:connect(host, port) then
        kept = nil
        return nil
      end
    end
    local answer
    local sent, problem = kept:send(text)
    if sent then answer, problem = receive(kept) end
    if answer and answer.headers["connection"] ~= "close" then return answer end
    kept:close()
    kept = nil
    -- A kept connection may have been closed meanwhile: that is worth one more try. Silence is not.
    if answer or fresh or problem == "timeout" then return answer end
  end
end

local function refuse(r, status, answer)
  r.status = status
  if answer then
    r.content_type = answer.headers["content-type"] or "text/plain"
    for _, name in ipairs({ "WWW-Authenticate", "Cache-Control", "Retry-After" }) do
      local value = answer.headers[name:lower()]
      if value then r.err_headers_out[name] = value end
    end
    r:puts(answer.body)
  end
  return apache2.DONE
end

function check(r)
  -- First of all: whatever happens below, the client's own copy is gone.
  r.headers_in["X-Custom-Jwt"] = nil
  if nominates(r.headers_in["Connection"]) then return refuse(r, 400) end
  local answer = ask(question(r))
  if not answer or answer.status >= 500 then return refuse(r, 503, answer) end
  if answer.status ~= 200 then return refuse(r, answer.status, answer) end
  local token = answer.headers["x-custom-jwt"]
  if not token or token:find(",", 1, true) then return refuse(r, 503) end
  r.headers_in["X-Custom-Jwt"] = token
  return apache2.OK
end
