-- Any company's process log as a journey: CSV rows with a case, an instant and an activity. The stages
-- are the activities that occur; nobody declares them. Which column is which: [plugin:processlog].
cx.plugin { name = "processlog", version = "1.0.0", api = 1,
  title = { ["pt-BR"] = "Registro de processo", en = "Process log" },
  config = {
    file = cx.text { default = "helpdesk.csv.gz",
      title = { ["pt-BR"] = "Arquivo, na pasta dada", en = "File, in the folder given" } },
    delimiter = cx.choice { "comma", "semicolon", "tab", "pipe", default = "comma",
      title = { ["pt-BR"] = "Separador das colunas", en = "What separates columns" } },
    encoding = cx.text { default = "utf-8",
      title = { ["pt-BR"] = "Codificação do arquivo", en = "Encoding of the file" } },
    dates = cx.choice { "iso", "dmy", "mdy", default = "iso",
      title = { ["pt-BR"] = "Ordem das datas: 2026-11-20, 20/11/2026, 11/20/2026",
        en = "Order of dates: 2026-11-20, 20/11/2026, 11/20/2026" } },
    case_column = cx.text { default = "case_id", title = { ["pt-BR"] = "Coluna do caso", en = "Column of the case" } },
    time_column = cx.text { default = "time:timestamp",
      title = { ["pt-BR"] = "Coluna do instante", en = "Column of the instant" } },
    activity_column = cx.text { default = "concept:name",
      title = { ["pt-BR"] = "Coluna da atividade", en = "Column of the activity" } },
    resource_column = cx.text { default = "org:resource",
      title = { ["pt-BR"] = "Coluna de quem fez; vazia: nenhuma", en = "Column of who did it; empty: none" } },
    unit_column = cx.text { default = "",
      title = { ["pt-BR"] = "Coluna da unidade; vazia: nenhuma", en = "Column of the unit; empty: none" } },
    customer_column = cx.text { default = "",
      title = { ["pt-BR"] = "Coluna do cliente; vazia: nenhuma", en = "Column of the customer; empty: none" } },
    keep = cx.text { default = "",
      title = { ["pt-BR"] = "Outras colunas a guardar, com vírgulas", en = "Other columns to keep, with commas" } },
    idle = cx.text { default = "",
      title = { ["pt-BR"] = "O caso acaba depois de tanto silêncio (30d); vazio: fica aberto",
        en = "A case ends after so long a silence (30d); empty: it stays open" } },
    ideal = cx.text { default = "",
      title = { ["pt-BR"] = "O caminho aprovado: atividades, com vírgulas",
        en = "The approved way: activities, with commas" } },
  },
}

require "case"
require "import"
