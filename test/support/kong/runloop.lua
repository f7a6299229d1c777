-- A stand-in for what Kong does with a request around its plugins.

local checked = require "checked"
local sandbox = require "sandbox"

local loop = {}
local settings, phases

-- Written by the tests: a chunk that returns a table.
function loop.load(file)
  settings = dofile(file)
  if settings.functions then
    phases = {}
    for phase, text in pairs(settings.functions) do
      phases[phase] = loop.compile(text)
    end
    return
  end
  local plugin = checked(require "kong.plugins.countersign.schema", settings.plugin)
  local handler = require "kong.plugins.countersign.handler"
  phases = {
    access = function() handler:access(plugin.config) end,
    header_filter = function() handler:header_filter(plugin.config) end,
  }
  loop.plugin = plugin
end

-- A function's text may return another one, with what it prepared: that is called from then on.
function loop.compile(text)
  local compiled
  return function()
    if compiled then return compiled() end
    local result = sandbox(text, settings.requires)()
    if type(result) ~= "function" then return end
    compiled = result
    return compiled()
  end
end

-- In the place of Kong's security plugins: whoever says a name is its consumer.
local function authenticate()
  local authorization = ngx.req.get_headers()["authorization"]
  local word = type(authorization) == "string" and authorization:match("^Basic (.+)$")
  local user = word and (ngx.decode_base64(word) or ""):match("^([^:]+):")
  if not user or user == "nobody" then return end
  local consumer = settings.consumers[user] or { id = "id-of-" .. user, username = user }
  if user == "anonymous" then return kong.client.authenticate(consumer, nil) end
  kong.client.authenticate(consumer, { id = "credential-of-" .. user, username = user, key = "never told" })
end

-- Kong does so after the plugins.
local function drop_nominated()
  local connection = ngx.var.http_connection or ""
  if connection == "keep-alive" or connection == "close" or connection == "upgrade" then return end
  for name in connection:gmatch("[^,%s]+") do ngx.req.clear_header(name) end
end

function loop.access()
  ngx.ctx.service = settings.service
  ngx.ctx.CLIENT_VERIFY_OVERRIDE = settings.client_verify
  authenticate()
  phases.access()
  drop_nominated()
end

function loop.header_filter()
  if phases.header_filter then phases.header_filter() end
end

return loop
