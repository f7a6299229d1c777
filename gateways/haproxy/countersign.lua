-- Countersign for HAProxy 2.6 and newer: an action that asks about a request and sets the token.
-- Nothing to install: HAProxy's own HTTP client does the asking.

local url = "http://127.0.0.1:8080/auth/haproxy"
-- HAProxy 2.6 tries four times: the client waits four times as long as this, at worst.
local patience_ms = 1000

-- Hop by hop, about the body, or words that only a gateway may say.
local own = {
  ["connection"] = true, ["keep-alive"] = true, ["proxy-connection"] = true, ["te"] = true,
  ["trailer"] = true, ["transfer-encoding"] = true, ["upgrade"] = true, ["host"] = true,
  ["content-length"] = true, ["expect"] = true, ["x-custom-jwt"] = true, ["client-cert"] = true,
  ["x-forwarded-method"] = true, ["x-forwarded-proto"] = true, ["x-forwarded-host"] = true,
  ["x-forwarded-uri"] = true, ["x-countersign-credential"] = true, ["x-countersign-secret"] = true,
}

-- What a refusal may tell the client.
local told = { ["content-type"] = true, ["www-authenticate"] = true, ["cache-control"] = true, ["retry-after"] = true }

local function question(txn)
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not own[name] then
      headers[name] = {}
      -- Each line by itself: a credential that comes twice must be seen to come twice.
      for at = 0, #values do table.insert(headers[name], values[at]) end
    end
  end
  headers["x-forwarded-method"] = { txn.sf:method() }
  headers["x-forwarded-proto"] = { txn:get_var("txn.countersign_scheme") }
  headers["x-forwarded-host"] = { txn.sf:req_fhdr("host") }
  headers["x-forwarded-uri"] = { txn:get_var("txn.countersign_uri") }
  local certificate = txn:get_var("txn.countersign_certificate")
  if certificate then headers["client-cert"] = { ":" .. certificate .. ":" } end
  return headers
end

local function refuse(txn, status, response)
  local reply = txn:reply({ status = status })
  if response then
    for name, values in pairs(response.headers) do
      if told[name] then
        for at = 0, #values do reply:add_header(name, values[at]) end
      end
    end
    reply:set_body(response.body)
  end
  txn:done(reply)
end

core.register_action("countersign", { "http-req" }, function(txn)
  -- First of all: whatever happens below, the client's own copy is gone.
  txn.http:req_del_header("x-custom-jwt")
  local response = core.httpclient():get({ url = url, headers = question(txn), timeout = patience_ms })
  if not response or response.status == 0 or response.status >= 500 then
    return refuse(txn, 503, response and response.status >= 500 and response or nil)
  end
  if response.status ~= 200 then return refuse(txn, response.status, response) end
  local token = response.headers["x-custom-jwt"]
  if not token or token[1] then return refuse(txn, 503) end
  txn.http:req_set_header("x-custom-jwt", token[0])
end, 0)
