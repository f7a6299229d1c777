-- A stand-in for the types of Kong's schemas, as far as the plugin uses them.

local function define(definition)
  return setmetatable(definition, {
    __call = function(self, changes)
      local changed = {}
      for name, value in pairs(self) do changed[name] = value end
      for name, value in pairs(changes) do changed[name] = value end
      return define(changed)
    end,
  })
end

local http_protocols = { "grpc", "grpcs", "http", "https" }

return setmetatable({
  no_consumer = define({ type = "foreign", reference = "consumers", eq = ngx.null }),
  protocols_http = define({
    type = "set",
    required = true,
    default = http_protocols,
    elements = { type = "string", one_of = http_protocols },
  }),
  timeout = define({ type = "integer", between = { 0, 2 ^ 31 - 2 } }),
  url = define({
    type = "string",
    custom_validator = function(url)
      if url:find("^%a[%w+.-]*://[^/]") then return true end
      return nil, "missing host in url"
    end,
  }),
  header_name = define({
    type = "string",
    custom_validator = function(name)
      if name:find("^[%w_-]+$") then return name end
      return nil, "bad header name '" .. name .. "'"
    end,
  }),
}, {
  __index = function(_, name) error("schema typedef error: definition " .. name .. " does not exist") end,
})
