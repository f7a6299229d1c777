-- A stand-in for Kong's plugin development kit, as far as the plugin uses it. What it does is what
-- Kong documents for it; each function refuses to work in another phase, as there.

local function only_in(phase, phases, what)
  for _, each in ipairs(phases) do
    if each == phase then return end
  end
  error("no function in phase " .. phase .. ": " .. what, 3)
end

local function in_access(what) only_in(ngx.get_phase(), { "access" }, what) end
local function after_access(what) only_in(ngx.get_phase(), { "access", "header_filter" }, what) end

-- An empty value would remove a header in nginx: Kong makes it a space.
local function normalize(value)
  if type(value) == "table" then
    local values = {}
    for at, each in ipairs(value) do values[at] = normalize(each) end
    return values
  end
  if type(value) ~= "string" then error("invalid header value", 4) end
  return value == "" and " " or value
end

local kit = { request = {}, service = { request = {} }, response = {}, client = {}, router = {} }

function kit.request.get_headers(most)
  after_access("get_headers")
  if most and (most < 1 or most > 1000) then error("max_headers must be <= 1000", 2) end
  return ngx.req.get_headers(most)
end

function kit.request.get_method()
  after_access("get_method")
  return ngx.req.get_method()
end

-- Nobody is in trusted_ips here.
function kit.request.get_forwarded_scheme()
  after_access("get_forwarded_scheme")
  return ngx.var.scheme
end

function kit.service.request.set_header(name, value)
  in_access("set_header")
  ngx.req.set_header(name, normalize(value))
end

function kit.service.request.clear_header(name)
  in_access("clear_header")
  ngx.req.clear_header(name)
end

function kit.response.set_header(name, value)
  only_in(ngx.get_phase(), { "access", "header_filter" }, "response.set_header")
  ngx.header[name] = normalize(value)
end

function kit.response.exit(status, body, headers)
  in_access("exit")
  if type(status) ~= "number" or status < 100 or status > 599 then error("not a status", 2) end
  ngx.status = status
  for name, value in pairs(headers or {}) do ngx.header[name] = normalize(value) end
  ngx.header["Content-Length"] = body and #body or 0
  if body then ngx.print(body) end
  return ngx.exit(status)
end

function kit.client.authenticate(consumer, credential)
  in_access("authenticate")
  ngx.ctx.authenticated_consumer = consumer
  ngx.ctx.authenticated_credential = credential
end

function kit.client.get_consumer()
  after_access("get_consumer")
  return ngx.ctx.authenticated_consumer
end

function kit.client.get_credential()
  after_access("get_credential")
  return ngx.ctx.authenticated_credential
end

function kit.router.get_service()
  after_access("get_service")
  return ngx.ctx.service
end

kit.log = {
  err = function(...) ngx.log(ngx.ERR, ...) end,
}

-- Of one plugin, for one request.
kit.ctx = setmetatable({}, {
  __index = function(_, name)
    if name ~= "plugin" then return nil end
    ngx.ctx.of_plugin = ngx.ctx.of_plugin or {}
    return ngx.ctx.of_plugin
  end,
})

return kit
