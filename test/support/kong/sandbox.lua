-- A stand-in for the sandbox of Kong's serverless functions: what `untrusted_lua = sandbox` lets a
-- function see, and the modules of `untrusted_lua_sandbox_requires`.

local names = {
  [""] = "assert error ipairs next pairs pcall print select tonumber tostring type unpack xpcall",
  string = "byte char find format gmatch gsub len lower match rep reverse sub upper",
  table = "concat insert remove sort",
  math = "abs ceil floor huge max min random",
  os = "clock date difftime time",
  coroutine = "create resume running status wrap yield",
}

return function(chunk, requires)
  local seen = { ngx = ngx, kong = kong }
  for library, members in pairs(names) do
    local from, to = _G, seen
    if library ~= "" then
      seen[library] = {}
      from, to = _G[library], seen[library]
    end
    for member in members:gmatch("%S+") do to[member] = from[member] end
  end
  function seen.require(name)
    if not requires[name] then error("require '" .. name .. "' not allowed within sandbox", 0) end
    return require(name)
  end
  return assert(load(chunk, "=post-function", "t", seen))
end
