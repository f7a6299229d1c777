-- A stand-in for lua-resty-http, as far as the plugin uses it, on the same cosockets. Lists of
-- values become lines of their own; two lines of one name become a list.

local Client = {}
local methods = { __index = Client }

function Client.new()
  local socket, problem = ngx.socket.tcp()
  if not socket then return nil, problem end
  return setmetatable({ socket = socket, may_keep = true }, methods)
end

function Client:set_timeouts(...)
  return self.socket:settimeouts(...)
end

function Client:parse_uri(uri)
  local scheme, host, port, path = uri:match("^(https?)://([^:/]+):?(%d*)(.*)$")
  if not scheme then return nil, "bad uri: " .. uri end
  local number = tonumber(port) or (scheme == "https" and 443 or 80)
  return { scheme, host, number, path == "" and "/" or path, "" }
end

function Client:connect(options)
  local tls = options.scheme == "https"
  local pool = table.concat({ options.scheme, options.host, options.port, tostring(options.ssl_verify) }, ":")
  local connected, problem = self.socket:connect(options.host, options.port, { pool = pool })
  if not connected then return nil, problem end
  if tls and self.socket:getreusedtimes() == 0 then
    local session
    session, problem = self.socket:sslhandshake(nil, options.ssl_server_name, options.ssl_verify ~= false)
    if not session then return nil, problem end
  end
  self.host = options.host .. ":" .. options.port
  return true
end

function Client:get_reused_times()
  return self.socket:getreusedtimes()
end

function Client:set_keepalive(...)
  if self.may_keep then return self.socket:setkeepalive(...) end
  return self.socket:close()
end

function Client:close()
  return self.socket:close()
end

-- Names are found in any case.
local function new_headers()
  local spelling = {}
  return setmetatable({}, {
    __index = function(headers, name) return rawget(headers, spelling[name:lower()]) end,
    __newindex = function(headers, name, value)
      spelling[name:lower()] = spelling[name:lower()] or name
      rawset(headers, spelling[name:lower()], value)
    end,
  })
end

local function write_request(self, params)
  local headers = new_headers()
  for name, value in pairs(params.headers) do headers[name] = value end
  headers["Host"] = headers["Host"] or self.host
  local lines = { params.method .. " " .. params.path .. " HTTP/1.1" }
  for name, value in pairs(headers) do
    for _, each in ipairs(type(value) == "table" and value or { value }) do
      lines[#lines + 1] = name .. ": " .. tostring(each)
    end
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

local function read_headers(socket)
  local headers = new_headers()
  while true do
    local line, problem = socket:receive("*l")
    if not line then return nil, problem end
    local name, value = line:match("([^:%s]+):%s*(.*)")
    if not name then return headers end
    local before = headers[name]
    if before == nil then
      headers[name] = value
    elseif type(before) == "table" then
      table.insert(before, value)
    else
      headers[name] = { before, value }
    end
  end
end

local Response = {}
local reading = { __index = Response }

-- To the end of the connection where nothing says how long it is, as the real one does.
function Response:read_body()
  if self.status < 200 or self.status == 204 or self.status == 304 then return "" end
  local length = self.headers["Content-Length"]
  return self.socket:receive(type(length) == "string" and tonumber(length) or "*a")
end

function Client:request(params)
  local sent, problem = self.socket:send(write_request(self, params))
  if not sent then return nil, problem end
  local line
  line, problem = self.socket:receive("*l")
  if not line then return nil, problem end
  if not tonumber(line:sub(6, 8)) or not tonumber(line:sub(10, 12)) then
    return nil, "couldn't parse status line: " .. line
  end
  local headers
  headers, problem = read_headers(self.socket)
  if not headers then return nil, problem end
  local connection = headers["Connection"]
  local ends = type(connection) == "string" and connection:lower():find("close", 1, true)
  if ends or line:sub(6, 8) == "1.0" then self.may_keep = false end
  local response = { status = tonumber(line:sub(10, 12)), headers = headers, socket = self.socket }
  return setmetatable(response, reading)
end

return Client
