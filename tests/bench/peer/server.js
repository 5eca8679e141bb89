'use strict'
// The peer: accepts a JSON event, checks it against a schema, runs a small rule, stores it durably
// (WAL, synchronous=FULL) and answers with its id. With --batch yes the requests of one turn of
// the event loop share a transaction and are answered after its commit; with no, each has its own.
//   node server.js --socket PATH | --port N  --db FILE  --batch yes|no
const fs = require('node:fs')
const Fastify = require('fastify')
const Database = require('better-sqlite3')

const args = {}
for (let i = 2; i < process.argv.length; i += 2) args[process.argv[i].slice(2)] = process.argv[i + 1]

const db = new Database(args.db)
db.pragma('journal_mode = WAL')
db.pragma('synchronous = FULL')
db.exec(`
  create table if not exists event (
    seq integer primary key, source text not null, id text not null, type text not null,
    time integer not null, subject text, unit text, data text not null, written integer,
    unique (source, id));
  create table if not exists voice (
    seq integer primary key, answer text not null, reason text, severity integer not null)`)
const insert = db.prepare(`insert into event (source, id, type, time, subject, unit, data, written)
  values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`)
const known = db.prepare('select seq, type, data from event where source = ? and id = ?')
const voice = db.prepare('insert into voice (answer, reason, severity) values (?, ?, ?)')

const channel = { type: 'string', enum: ['loja', 'app', 'telefone'] }
const text = { type: 'string', maxLength: 4096 }
const name = { type: 'string', minLength: 1, maxLength: 256 }
const order = {
  type: 'object',
  required: ['order', 'net'],
  additionalProperties: false,
  properties: {
    order: text, net: { type: 'integer' }, items: { type: 'integer', minimum: 1 }, channel,
    member: { type: 'boolean' }
  }
}
const answer = {
  type: 'object',
  required: ['score'],
  additionalProperties: false,
  properties: { score: { type: 'integer', minimum: 0, maximum: 10 }, channel, reason: text, comment: text }
}
const envelope = (type, data) => ({
  type: 'object',
  required: ['id', 'source', 'type', 'data'],
  properties: {
    specversion: { const: '1.0' }, id: name, source: name, type: { const: type },
    time: { type: 'string', format: 'date-time' }, subject: name, unit: name, data
  }
})
const schema = {
  type: 'object',
  if: { properties: { type: { const: 'order.placed' } } },
  then: envelope('order.placed', order),
  else: envelope('nps.answered', answer)
}

// One event inside a transaction: the fact, what is derived from it, and the rule's own row.
function store (e) {
  const data = JSON.stringify(e.data)
  const written = e.type === 'nps.answered' ? +/\S/.test(e.data.comment || '') : null
  const time = e.time === undefined ? Date.now() : Date.parse(e.time)
  const done = insert.run(e.source, e.id, e.type, time, e.subject, e.unit, data, written)
  if (done.changes === 0) {
    const first = known.get(e.source, e.id)
    const same = first.type === e.type && first.data === data
    return { status: same ? 200 : 409, seq: first.seq }
  }
  if (written && e.data.score <= 6) {
    voice.run(e.id, e.data.reason, Math.min(5, 6 - (e.data.score >> 1)))
  }
  return { status: 201, seq: Number(done.lastInsertRowid) }
}

const one = db.transaction(store)
const all = db.transaction(batch => batch.map(item => store(item.event)))

let waiting = []
function commit () {
  const batch = waiting
  waiting = []
  try {
    const results = all(batch)
    for (let i = 0; i < batch.length; i++) batch[i].resolve(results[i])
  } catch (err) {
    for (const item of batch) item.reject(err)
  }
}
function later (event) {
  return new Promise((resolve, reject) => {
    if (waiting.push({ event, resolve, reject }) === 1) setImmediate(commit)
  })
}

const app = Fastify({ logger: false, ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } })
app.addContentTypeParser('application/cloudevents+json', { parseAs: 'string' },
  app.getDefaultJsonParser('error', 'error'))
const receipt = {
  type: 'object',
  properties: { id: { type: 'string' }, source: { type: 'string' }, seq: { type: 'integer' }, time: { type: 'string' } }
}
app.post('/v1/events', { schema: { body: schema, response: { 201: receipt, 200: receipt } } },
  args.batch === 'no'
    ? (req, reply) => { answerWith(reply, req.body, one(req.body)) }
    : async (req, reply) => answerWith(reply, req.body, await later(req.body)))
function answerWith (reply, e, r) {
  reply.code(r.status).send({ id: e.id, source: e.source, seq: r.seq, time: e.time })
  return reply
}
app.get('/readyz', () => ({ status: 'ok' }))
app.get('/count', () => db.prepare('select count(*) as n from event').get())

process.on('SIGTERM', () => app.close().then(() => { db.close(); process.exit(0) }))
if (args.socket) fs.rmSync(args.socket, { force: true })
app.listen(args.socket ? { path: args.socket } : { host: '127.0.0.1', port: Number(args.port) })
  .catch(err => { console.error(err.message); process.exit(1) })
