-- What is seen from outside the sale: mystery shoppers, observers in the field, and quizzes, all with
-- the checklists of cx.sop. Meanings: README.md.
cx.plugin { name = "quality", version = "1.0.0", api = 1,
  title = { ["pt-BR"] = "Cliente oculto, observação em campo e provas", en = "Mystery shopping, field observation and quizzes" },
}

require "mystery"
require "field"
require "quiz"
