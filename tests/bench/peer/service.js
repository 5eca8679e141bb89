'use strict'
// What the peers have in common: a durable store (SQLite in WAL mode with synchronous=FULL), and
// POST /v1/events over a Unix socket or TCP, answered with the event's id after its commit. With
// --batch yes the requests of one turn of the event loop share a transaction; with no, each has its
// own.  --socket PATH | --port N  --db FILE  --batch yes|no
const fs = require('node:fs')
const Fastify = require('fastify')
const Database = require('better-sqlite3')

const args = {}
for (let i = 2; i < process.argv.length; i += 2) args[process.argv[i].slice(2)] = process.argv[i + 1]

const db = new Database(args.db)
db.pragma('journal_mode = WAL')
db.pragma('synchronous = FULL')

// store(event) runs in a transaction, { status, seq } is what it gives; of the counts, count() tells
// how many events were kept.
function serve (schema, store, count) {
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
  app.get('/count', () => ({ n: count() }))

  process.on('SIGTERM', () => app.close().then(() => { db.close(); process.exit(0) }))
  if (args.socket) fs.rmSync(args.socket, { force: true })
  app.listen(args.socket ? { path: args.socket } : { host: '127.0.0.1', port: Number(args.port) })
    .catch(err => { console.error(err.message); process.exit(1) })
}

const text = { type: 'string', maxLength: 4096 }
const name = { type: 'string', minLength: 1, maxLength: 256 }
const envelope = (type, data) => ({
  type: 'object',
  required: ['id', 'source', 'type', 'data'],
  properties: {
    specversion: { const: '1.0' }, id: name, source: name, type, time: { type: 'string', format: 'date-time' },
    subject: name, unit: name, data
  }
})

module.exports = { args, db, serve, text, envelope }
