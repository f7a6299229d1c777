-- Countersign for Kong 3: asks about each request, and hands the backend one signed token.

local http = require "resty.http"

local kong = kong
local ngx = ngx

-- The same in handler.lua and post-function.lua, from here on

-- Hop by hop, or about a body: no part of the question.
local about_transport = {
  ["connection"] = true, ["keep-alive"] = true, ["proxy-connection"] = true, ["te"] = true,
  ["trailer"] = true, ["transfer-encoding"] = true, ["upgrade"] = true, ["host"] = true,
  ["content-length"] = true, ["expect"] = true,
}

-- Words that only a gateway may say; all of X-Consumer-* too.
local about_gateways = {
  ["x-forwarded-method"] = true, ["x-forwarded-proto"] = true, ["x-forwarded-host"] = true,
  ["x-forwarded-uri"] = true, ["x-upstream-url"] = true, ["x-credential-identifier"] = true,
  ["x-anonymous-consumer"] = true, ["x-countersign-credential"] = true,
  ["x-countersign-secret"] = true, ["client-cert"] = true,
}

-- The statuses with which Countersign answers.
local expected = { [200] = true, [401] = true, [403] = true, [503] = true }

-- What the client is told of a refusal.
local told = { "Content-Type", "WWW-Authenticate", "Retry-After", "Cache-Control" }

-- Kong lets X_Custom_Jwt through, which some backends take for X-Custom-Jwt.
local function shape_of(name)
  local trimmed = name:lower():gsub("^[^a-z0-9]+", ""):gsub("[^a-z0-9]+$", "")
  return (trimmed:gsub("[^a-z0-9]", "-"))
end

local function shapes_of(names)
  local shapes = {}
  for _, name in ipairs(names) do shapes[shape_of(name)] = true end
  return shapes
end

local function is_of_gateways(shape)
  return about_gateways[shape] or shape:find("^x%-consumer%-") ~= nil
end

-- The headers that the backend gets, and those of the client that they replace.
local function answer_headers(conf)
  local names = { conf.token_header }
  for _, name in ipairs(conf.headers) do names[#names + 1] = name end
  return names
end

local function clear(headers, shapes)
  for name in pairs(headers) do
    if shapes[shape_of(name)] then kong.service.request.clear_header(name) end
  end
end

-- After its plugins, Kong drops what Connection names (RFC 9110 §7.6.1), even the token.
local function nominates(connection, shapes)
  local lines = type(connection) == "table" and connection or { connection }
  for name in table.concat(lines, ","):gmatch("[^,%s]+") do
    local shape = shape_of(name)
    if shapes[shape] or is_of_gateways(shape) then return true end
  end
  return false
end

local function text(value)
  if type(value) == "number" then return tostring(value) end
  return type(value) == "string" and value or ""
end

local function state_consumer(asked)
  local consumer = kong.client.get_consumer()
  local credential = kong.client.get_credential()
  local who, what = consumer or {}, credential or {}
  asked["x-consumer-id"] = text(who.id)
  asked["x-consumer-custom-id"] = text(who.custom_id)
  asked["x-consumer-username"] = text(who.username)
  -- Never its key: of key-auth that is the secret.
  asked["x-credential-identifier"] = text(what.username or what.client_id or what.id)
  -- Kong's plugins set a consumer without a credential when they fall back to the anonymous one.
  asked["x-anonymous-consumer"] = consumer and not credential and "true" or ""
end

local function upstream_url()
  local service = kong.router.get_service()
  if not service then return "" end
  local host = text(service.host)
  if host:find(":", 1, true) and host:sub(1, 1) ~= "[" then host = "[" .. host .. "]" end
  return text(service.protocol) .. "://" .. host .. ":" .. text(service.port) .. text(service.path)
end

-- RFC 9440; nil when the client did not prove to have the key of a certificate.
local function certificate()
  -- Plugins that verify certificates themselves leave their result there.
  local verified = ngx.ctx.CLIENT_VERIFY_OVERRIDE or ngx.var.ssl_client_verify
  local pem = verified == "SUCCESS" and ngx.var.ssl_client_raw_cert
  if not pem then return nil end
  local base64 = pem:gsub("%-%-%-%-%-[^-]+%-%-%-%-%-", ""):gsub("%s", "")
  return ":" .. base64 .. ":"
end

-- The client's headers, and what Kong knows. A header that comes twice is a list, and stays twice.
local function question(conf, headers, answers)
  local asked = {}
  for name, value in pairs(headers) do
    local shape = shape_of(name)
    -- Authorization may be both: the credential now, and the token's header later.
    local replaced = answers[shape] and name ~= "authorization"
    if not (about_transport[name] or is_of_gateways(shape) or replaced) then asked[name] = value end
  end
  local stated = {
    ["x-forwarded-method"] = kong.request.get_method(),
    ["x-forwarded-proto"] = kong.request.get_forwarded_scheme(),
    ["x-forwarded-host"] = text(headers["host"]),
    ["x-forwarded-uri"] = ngx.var.request_uri,
    ["x-upstream-url"] = upstream_url(),
    ["client-cert"] = certificate(),
    ["x-countersign-credential"] = conf.verified_credential,
    ["x-countersign-secret"] = conf.secret,
  }
  state_consumer(stated)
  for name, value in pairs(stated) do
    -- A line break in the name of a consumer would make further headers.
    if value:find("%c") then return nil, name .. " has a control character" end
    asked[name] = value
  end
  return asked
end

local function connect(conf)
  local client = http.new()
  client:set_timeouts(conf.connect_timeout, conf.send_timeout, conf.read_timeout)
  local url, problem = client:parse_uri(conf.url, false)
  if not url then return nil, problem end
  local scheme, host, port, path = unpack(url)
  local options = { scheme = scheme, host = host, port = port }
  options.ssl_server_name, options.ssl_verify = host, conf.ssl_verify
  local connected
  connected, problem = client:connect(options)
  if not connected then return nil, problem end
  return client, path
end

-- An answer that is none may hold anything, also what must not be logged.
local function plain(problem)
  return type(problem) == "string" and problem:match("^[%a ]+$") or "no HTTP"
end

local function ask(conf, asked)
  for _ = 1, 2 do
    local client, path = connect(conf)
    if not client then return nil, path end
    local reused = client:get_reused_times()
    local response, problem = client:request({ method = "GET", path = path, headers = asked })
    local body
    if response then body, problem = response:read_body() end
    if body then
      -- Whatever else may follow an answer that is not one of ours.
      local keep = expected[response.status]
      if keep then client:set_keepalive(conf.keepalive_timeout, conf.keepalive_pool) end
      if not keep then client:close() end
      return response, body
    end
    client:close()
    -- A kept connection may have been closed meanwhile: that is worth one more try.
    if response or reused == 0 or problem == "timeout" then return nil, plain(problem) end
  end
  return nil, "closed"
end

-- Nothing but what Countersign sends: an empty body, and each promised header once.
local function read_answer(conf, response, body)
  if response.status ~= 200 or body ~= "" then return nil end
  local names = answer_headers(conf)
  names[#names + 1] = conf.downstream_header
  local values = {}
  for _, name in ipairs(names) do
    local value = response.headers[name]
    if type(value) ~= "string" or value == "" or value:find("%c") then return nil end
    values[name] = value
  end
  return values
end

local function exit(status, title)
  local body = '{"type":"about:blank","title":"' .. title .. '","status":' .. status .. "}"
  local headers = { ["Content-Type"] = "application/problem+json", ["Cache-Control"] = "no-store" }
  if status == 503 then headers["Retry-After"] = "5" end
  return kong.response.exit(status, body, headers)
end

local function close(problem)
  kong.log.err("nothing passes without Countersign: ", problem)
  return exit(503, "Service Unavailable")
end

local function pass_on(response, body)
  local headers = {}
  for _, name in ipairs(told) do
    local value = response.headers[name]
    -- One line for all challenges (RFC 9110 §5.3): of several, nginx's Lua module keeps the last.
    headers[name] = type(value) == "table" and table.concat(value, ", ") or value
  end
  return kong.response.exit(response.status, body, headers)
end

local function access(conf)
  -- More than Countersign takes. With a list that was cut off, a second copy could stay unseen.
  local headers, truncated = kong.request.get_headers(200)
  if truncated then return exit(431, "Request Header Fields Too Large") end
  local answers = shapes_of(answer_headers(conf))
  local credentials = shapes_of(conf.credential_headers)
  -- First of all: whatever happens below, the client's own copies are gone.
  clear(headers, answers)
  -- basic-auth and ldap-auth prefer Proxy-Authorization, which Countersign does not read: it would
  -- take its word from an Authorization that nobody checked.
  local proxy = headers["proxy-authorization"]
  local connection = headers["connection"]
  if proxy or nominates(connection, answers) or nominates(connection, credentials) then
    return exit(400, "Bad Request")
  end

  local asked, problem = question(conf, headers, answers)
  if not asked then return close(problem) end
  local response, body = ask(conf, asked)
  if not response then return close(body) end
  if response.status ~= 200 and expected[response.status] then return pass_on(response, body) end
  local values = read_answer(conf, response, body)
  if not values then return close("its answer is not one of its own") end

  if conf.hide_credentials then clear(headers, credentials) end
  for _, name in ipairs(answer_headers(conf)) do
    kong.service.request.set_header(name, values[name])
  end
  kong.ctx.plugin.downstream_token = values[conf.downstream_header]
end

-- The same in handler.lua and post-function.lua, up to here

local Countersign = {
  -- After Kong's authentication (1000 and above), acl (950) and rate-limiting (910).
  PRIORITY = 900,
  VERSION = "0.1.0",
}

function Countersign:access(conf)
  return access(conf)
end

function Countersign:header_filter(conf)
  local token = kong.ctx.plugin.downstream_token
  if token then kong.response.set_header(conf.downstream_header, token) end
end

return Countersign
