-- The stores. size: orders on an average day against a middling store; quality: 0 to 1, what a
-- customer may expect there at the start and at the end of the year.
local function unit(id, city, size, quality, final)
  return { id = id, city = city, state = id:sub(1, 2), size = size, quality = quality,
    final = final or quality }
end

return {
  unit("sp-01", "São Paulo, Paulista", 2.2, 0.72),
  unit("sp-02", "São Paulo, Tatuapé", 1.6, 0.66),
  unit("sp-03", "Campinas", 1.3, 0.75),
  unit("sp-04", "Santos", 0.9, 0.68),
  unit("sp-05", "Ribeirão Preto", 1.0, 0.78, 0.82),
  unit("rj-01", "Rio de Janeiro, Tijuca", 1.7, 0.64),
  unit("rj-02", "Rio de Janeiro, Barra", 1.4, 0.74, 0.34),       -- the one that gets worse
  unit("rj-03", "Niterói", 0.8, 0.70),
  unit("mg-01", "Belo Horizonte, Savassi", 1.5, 0.76),
  unit("mg-02", "Belo Horizonte, Pampulha", 0.9, 0.71),
  unit("mg-03", "Uberlândia", 0.7, 0.80),
  unit("pr-01", "Curitiba, Batel", 1.2, 0.42, 0.84),             -- the one that gets better
  unit("pr-02", "Londrina", 0.6, 0.73),
  unit("rs-01", "Porto Alegre, Moinhos", 1.1, 0.74),
  unit("rs-02", "Caxias do Sul", 0.5, 0.79),
  unit("sc-01", "Florianópolis", 0.7, 0.77),
  unit("ba-01", "Salvador, Pituba", 1.1, 0.67),
  unit("ba-02", "Feira de Santana", 0.4, 0.62),
  unit("pe-01", "Recife, Boa Viagem", 1.0, 0.69, 0.73),
  unit("ce-01", "Fortaleza, Aldeota", 0.8, 0.71),
}
