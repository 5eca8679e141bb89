'use strict'
// The peer of reading.py: DuckDB inside this process, asked through its own API, so that no
// transport is in its times. It makes the rows itself, by the rule of plugins/reading.
//   node reading.js --db FILE --events N --people N
// Each line of stdin is {"sql":…,"params":[…]}; each answer a line {"ms":…,"rows":[[…]]}.
const readline = require('node:readline')
const { DuckDBInstance } = require('@duckdb/node-api')

const args = {}
for (let i = 2; i < process.argv.length; i += 2) args[process.argv[i].slice(2)] = process.argv[i + 1]
const P = 2147483647

const hash = what => {
  const x = `((i * 48271 + ${what * 69621 + 12345}) % ${P})`
  const y = `((${x} * ${x} + ${what}) % ${P})`
  return `((${y} * ${y} + 1) % ${P})`
}
const rows = (events, people) => `
  create table sale as
  select make_timestamp((1672531200 + t) * 1000000) as time, (t // 86400)::integer as day,
    (${hash(2)} % 20)::utinyint as unit, (${hash(1)} % ${people})::integer as customer,
    (case when r < 52 then 9 + r % 2 when r < 78 then 7 + r % 2 else r % 7 end)::utinyint as score
  from (select i, i * ${1096 * 86400} // ${events} as t, ${hash(3)} % 100 as r
        from range(${events}) as rows(i))
  order by i`
const rollup = `
  create table daily as
  select day, unit, count(*) filter (score >= 9)::integer as promoters,
    count(*) filter (score <= 6)::integer as detractors, count(*)::integer as answers
  from sale group by day, unit order by day, unit`

async function main () {
  const instance = await DuckDBInstance.create(args.db)
  const db = await instance.connect()
  const begun = performance.now()
  await db.run(rows(BigInt(args.events), BigInt(args.people)))
  const made = performance.now()
  await db.run(rollup)
  await db.run('checkpoint')
  const version = (await db.runAndReadAll('select version()')).getRows()[0][0]
  console.log(JSON.stringify({ version, ms: made - begun, rollup_ms: performance.now() - made }))
  const prepared = new Map()
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { sql, params } = JSON.parse(line)
    if (!prepared.has(sql)) prepared.set(sql, await db.prepare(sql))
    const statement = prepared.get(sql)
    const from = performance.now()
    statement.bind(params)
    const answer = (await statement.runAndReadAll()).getRows()
    const ms = performance.now() - from
    console.log(JSON.stringify({ ms, rows: answer }, (_, v) => typeof v === 'bigint' ? Number(v) : v))
  }
}
main().catch(err => { console.error(err.message); process.exit(1) })
