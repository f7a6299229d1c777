-- Enough of JSON to show a plugin's configuration to the tests.

local function json(value)
  if type(value) == "string" then return '"' .. value:gsub('[\\"]', "\\%0") .. '"' end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  if #value > 0 or next(value) == nil then
    for at, each in ipairs(value) do parts[at] = json(each) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for name, each in pairs(value) do parts[#parts + 1] = json(name) .. ":" .. json(each) end
  return "{" .. table.concat(parts, ",") .. "}"
end

return json
