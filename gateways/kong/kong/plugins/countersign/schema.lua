local typedefs = require "kong.db.schema.typedefs"

-- In milliseconds; 0 would mean nginx's own default.
local function timeout(default)
  return typedefs.timeout({ required = true, default = default, between = { 1, 60000 } })
end

local function header_names(default)
  return { type = "array", required = true, default = default, elements = typedefs.header_name }
end

local config = {
  -- Countersign's auth listener, and the path of its gateway.
  { url = typedefs.url({
    required = true,
    default = "http://127.0.0.1:8080/auth/kong",
    match_all = { {
      pattern = "^https?://[^/?#@%s]+/auth/[%w._~-]+$",
      err = "must be http(s)://host[:port]/auth/<gateway>",
    } },
  }) },
  { ssl_verify = { type = "boolean", required = true, default = true } },
  { connect_timeout = timeout(1000) },
  { send_timeout = timeout(1000) },
  { read_timeout = timeout(3000) },
  { keepalive_timeout = timeout(60000) },
  -- Idle connections that each of nginx's workers keeps.
  { keepalive_pool = { type = "integer", required = true, default = 32, between = { 1, 10000 } } },

  -- As in Countersign's `token.header`, `token.headers` and `token.downstream_header`.
  { token_header = typedefs.header_name({ required = true, default = "X-Custom-Jwt" }) },
  { headers = header_names({}) },
  -- Kong makes each type required that is the type of a list's elements, for all who share it.
  { downstream_header = typedefs.header_name({ required = false }) },

  -- Where clients put credentials, and whether backends see them.
  { credential_headers = header_names({ "Authorization", "apikey" }) },
  { hide_credentials = { type = "boolean", required = true, default = false } },

  -- The kind of credential that Kong's own plugins verify here.
  { verified_credential = {
    type = "string",
    one_of = { "bearer", "basic", "api_key", "client_certificate" },
  } },
  -- What Countersign's `callers.secret_file` holds.
  { secret = { type = "string", referenceable = true, encrypted = true, len_min = 1 } },
}

local fields = {
  -- For one consumer only, it would leave everybody else's forged token alone.
  { consumer = typedefs.no_consumer },
  { protocols = typedefs.protocols_http },
  { config = { type = "record", fields = config } },
}

-- The same for groups of consumers, where Kong has them; to ask for a type that it lacks is an error.
local has_groups, no_consumer_group = pcall(function() return typedefs.no_consumer_group end)
if has_groups and no_consumer_group then
  table.insert(fields, { consumer_group = no_consumer_group })
end

return { name = "countersign", fields = fields }
