-- What customers write, by the reason of their answer.
return {
  detractor = {
    ["atendimento"] = { "O vendedor me deixou falando sozinho.",
      "Ninguém soube me explicar a troca.", "Fui tratada com pressa." },
    ["espera"] = { "Quarenta minutos na fila do caixa.", "Só um caixa aberto no sábado.",
      "Esperei demais para retirar o pedido." },
    ["preço"] = { "O preço da etiqueta não era o do caixa.", "Mais caro na loja do que no app." },
    ["produto"] = { "Veio com defeito.", "O tamanho do site não bate com o da loja.",
      "Faltava uma peça na caixa." },
    ["entrega"] = { "Prometeram para o mesmo dia e chegou três dias depois.",
      "O entregador não achou o endereço e ninguém avisou.", "Caixa amassada." },
    ["ambiente"] = { "Loja quente e desarrumada.", "Provador sem luz." },
  },
  passive = { "Bom, mas podia ser mais rápido.", "Tudo certo.", "Faltou opção no meu tamanho." },
  promoter = { "A Renata lembrou do meu nome.", "Resolveram a troca em cinco minutos.",
    "Chegou antes do prazo.", "Sempre volto.", "Atendimento impecável." },
}
