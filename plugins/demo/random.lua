-- A generator of our own, so that the year is the same on every machine: a 64-bit linear
-- congruence, of which the upper bits are used. Floats see only + - * and /, which are exact rules.
local M = {}

function M.new(seed)
  local state = seed
  local R = {}

  -- 0 <= r < 1
  function R.unit()
    state = state * 6364136223846793005 + 1442695040888963407
    return (state >> 33) / 2147483648.0
  end

  function R.chance(p) return R.unit() < p end

  function R.integer(low, high) return low + math.floor(R.unit() * (high - low + 1)) end

  function R.pick(list) return list[R.integer(1, #list)] end

  return R
end

return M
