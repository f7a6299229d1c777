-- A stand-in for Kong's check of a plugin's configuration. It fills defaults in, and refuses what
-- Kong refuses: unknown fields, and words in a schema that Kong does not have.

local words = {}
for word in ([[type required default elements fields between one_of match_all len_min
  custom_validator referenceable encrypted eq reference]]):gmatch("%S+") do words[word] = true end

local is_type = {
  string = function(value) return type(value) == "string" end,
  boolean = function(value) return type(value) == "boolean" end,
  integer = function(value) return type(value) == "number" and value % 1 == 0 end,
  array = function(value) return type(value) == "table" end,
  set = function(value) return type(value) == "table" end,
  record = function(value) return type(value) == "table" end,
}

local function has(list, wanted)
  for _, each in ipairs(list) do
    if each == wanted then return true end
  end
  return false
end

local check

local function check_record(definition, given, at)
  local known, filled = {}, {}
  for _, entry in ipairs(definition.fields) do
    local name, field = next(entry)
    known[name] = true
    filled[name] = check(field, given[name], at .. name)
  end
  for name in pairs(given) do
    if not known[name] then error(at .. name .. ": unknown field", 0) end
  end
  return filled
end

local function check_string(field, value, at)
  if field.referenceable and value:find("^{vault://.+}$") then return end
  if field.len_min and #value < field.len_min then error(at .. ": too short", 0) end
  for _, each in ipairs(field.match_all or {}) do
    if not value:find(each.pattern) then error(at .. ": " .. each.err, 0) end
  end
  if field.custom_validator then
    local fits, problem = field.custom_validator(value)
    if not fits then error(at .. ": " .. problem, 0) end
  end
end

function check(field, value, at)
  for word in pairs(field) do
    if not words[word] then error("Kong's schemas have no " .. word, 0) end
  end
  if value == nil and field.type == "record" then value = {} end
  if value == nil then value = field.default end
  if value == nil then
    if field.required then error(at .. ": required field missing", 0) end
    return nil
  end
  if field.eq == ngx.null then error(at .. ": value must be null", 0) end
  if not is_type[field.type](value) then error(at .. ": expected " .. field.type, 0) end
  if field.type == "record" then return check_record(field, value, at .. ".") end
  if field.between and (value < field.between[1] or value > field.between[2]) then
    error(at .. ": value should be between " .. table.concat(field.between, " and "), 0)
  end
  if field.one_of and not has(field.one_of, value) then error(at .. ": expected one of them", 0) end
  if field.elements then
    -- So does Kong, with a type that others may share.
    field.elements.required = true
    for index, each in ipairs(value) do check(field.elements, each, at .. "[" .. index .. "]") end
  end
  if field.type == "string" then check_string(field, value, at) end
  return value
end

-- The plugin as it stands in a declarative configuration, with all defaults.
return function(schema, plugin)
  if plugin.name ~= schema.name then error("no plugin " .. plugin.name, 0) end
  local given = {}
  for name, value in pairs(plugin) do
    if name ~= "name" then given[name] = value end
  end
  return check_record({ fields = schema.fields }, given, "")
end
