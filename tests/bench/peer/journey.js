'use strict'
// The peer of journeys.py: the same journey (a ticket that goes to and fro between two stages, each
// with a deadline) on an npm workflow engine, behind the same door and over the same durable store as
// server.js. Every open ticket is live in memory, the engine's best case; its state is stored with the
// event, in the same transaction. Deadlines are the engine's own, in memory.
//   node journey.js --engine xstate|bpmn --tickets N  and what service.js takes
const { args, db, serve, text, envelope } = require('./service.js')

const HOUR = 3600000

function xstate () {
  const { createActor, createMachine } = require('xstate')
  const stage = (next, hours) => ({
    on: { 'ticket.passed': next, 'ticket.closed': 'closed' },
    after: { [hours * HOUR]: { actions: () => {} } }
  })
  const machine = createMachine({
    initial: 'desk', states: { desk: stage('office', 2), office: stage('desk', 4), closed: { type: 'final' } }
  })
  return {
    open: () => createActor(machine).start(),
    send: (actor, type) => actor.send({ type }),
    state: actor => JSON.stringify(actor.getPersistedSnapshot())
  }
}

function bpmn () {
  const { Engine } = require('bpmn-engine')
  const timer = (id, on, hours) => `<boundaryEvent id="${id}" attachedToRef="${on}" cancelActivity="false">
    <timerEventDefinition><timeDuration xsi:type="tFormalExpression">PT${hours}H</timeDuration></timerEventDefinition>
    </boundaryEvent>`
  const source = `<?xml version="1.0" encoding="UTF-8"?>
    <definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="http://bpmn.io/schema/bpmn"
      xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
    <process id="ticket" isExecutable="true">
      <startEvent id="start" /><sequenceFlow id="f1" sourceRef="start" targetRef="desk" />
      <userTask id="desk" />${timer('desk-late', 'desk', 2)}
      <sequenceFlow id="f2" sourceRef="desk" targetRef="office" />
      <userTask id="office" />${timer('office-late', 'office', 4)}
      <sequenceFlow id="f3" sourceRef="office" targetRef="desk" />
    </process></definitions>`
  return {
    async open () {
      const engine = new Engine({ name: 'ticket', source })
      return { engine, run: await engine.execute(), stage: 'desk' }
    },
    send (ticket) {
      ticket.run.signal({ id: ticket.stage })
      ticket.stage = ticket.stage === 'desk' ? 'office' : 'desk'
    },
    state: ticket => JSON.stringify(ticket.run.getState())
  }
}

db.exec(`
  create table event (
    seq integer primary key, source text not null, id text not null, type text not null,
    time integer not null, data text not null, unique (source, id));
  create table ticket (ticket text primary key, state text not null) without rowid`)
const insert = db.prepare('insert into event (source, id, type, time, data) values (?, ?, ?, ?, ?)')
const keep = db.prepare('insert into ticket values (?, ?) on conflict do update set state = excluded.state')

const schema = envelope({ enum: ['ticket.passed'] },
  { type: 'object', required: ['ticket'], additionalProperties: false, properties: { ticket: text } })

async function main () {
  const engine = { xstate, bpmn }[args.engine]()
  const tickets = new Map()
  for (let i = 1; i <= Number(args.tickets); i++) {
    const ticket = await engine.open()
    tickets.set(`t-${i}`, ticket)
    keep.run(`t-${i}`, engine.state(ticket))
  }
  function store (e) {
    const done = insert.run(e.source, e.id, e.type, Date.parse(e.time), JSON.stringify(e.data))
    const ticket = tickets.get(e.data.ticket)
    engine.send(ticket, e.type)
    keep.run(e.data.ticket, engine.state(ticket))
    return { status: 201, seq: Number(done.lastInsertRowid) }
  }
  serve(schema, store, () => db.prepare('select count(*) as n from event').get().n)
}
main().catch(err => { console.error(err.message); process.exit(1) })
