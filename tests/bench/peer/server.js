'use strict'
// The peer: accepts a JSON event, checks it against a schema, runs a small rule and stores it durably.
const { db, serve, text, envelope } = require('./service.js')

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
const schema = {
  type: 'object',
  if: { properties: { type: { const: 'order.placed' } } },
  then: envelope({ const: 'order.placed' }, order),
  else: envelope({ const: 'nps.answered' }, answer)
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

serve(schema, store, () => db.prepare('select count(*) as n from event').get().n)
