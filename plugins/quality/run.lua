-- Fields of the event that a run's begin and end are told with; the host fills them by name.
return function(more)
  local fields = {
    run = cx.text { required = true }, sop = cx.text {}, version = cx.integer {},
    state = cx.choice { "open", "finished", "abandoned", required = true },
    score = cx.decimal { scale = 4 },
  }
  for name, field in pairs(more) do fields[name] = field end
  return fields
end
