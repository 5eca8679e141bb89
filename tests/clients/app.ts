// An attendant's app and the manager's, written against nothing but the types that openapi-typescript made
// of the running daemon's document: a whole day of a shop. Every answer may get lost on the way; then the
// same call is made again. Usage: app.js URL ATTENDANT MANAGER FOREIGN_RUN; prints "noon" when the morning
// is over, and at last what it saw as JSON.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Event = components["schemas"]["Event"];
type Run = components["schemas"]["SopRun"];
type Answer = components["schemas"]["SopAnswer"];
type Instance = components["schemas"]["JourneyInstance"];
type Problem = components["schemas"]["Problem"];

const [url, attendant, manager, foreignRun] = process.argv.slice(2) as [string, string, string, string];
const dawn = Date.now();
const at = (minutesAgo: number): string => new Date(dawn - minutesAgo * 60_000).toISOString();
const pause = (ms: number) => new Promise(done => setTimeout(done, ms));

// ---- the line to the shop: some calls do not arrive, of some the answer does not; both are made again
const journal: Request[] = [];   // every write, as it was sent
let calls = 0, lost = 0, refusals = 0;

async function stubborn(request: Request): Promise<Response> {
  if (request.method !== "GET") journal.push(request.clone());
  const luck = calls++ % 3;
  for (let tries = 0; ; tries++) {
    try {
      if (tries === 0 && luck === 1) throw new Error("no line");
      const response = await fetch(request.clone());
      if (response.status === 429 || response.status === 503) {
        await pause(1000 * Number(response.headers.get("Retry-After") ?? 1));
        continue;
      }
      if (tries === 0 && luck === 2) {
        await response.body?.cancel();
        throw new Error("the line broke");
      }
      return response;
    } catch (error) {
      if (tries > 600) throw error;
      if (tries > 0 || luck === 0) refusals++; else lost++;
      await pause(tries ? 100 : 0);
    }
  }
}

const client = (token: string) => createClient<paths>({ baseUrl: url, fetch: stubborn, headers: { Authorization: `Bearer ${token}` } });
const shop = client(attendant), office = client(manager);

function got<T>(answer: { data?: T; error?: Problem }): T {
  if (answer.data === undefined) throw new Error(`${answer.error?.code}: ${answer.error?.detail}`);
  return answer.data;
}

function refused(answer: { error?: Problem; response: Response }): [number, Problem["code"] | undefined, string | undefined] {
  const problem = answer.response.headers.get("Content-Type")?.startsWith("application/problem+json");
  return [answer.response.status, problem ? answer.error?.code : undefined, answer.error?.field];
}

// ---- events and checklists
let told = 0;
async function tell(event: Event, minutesAgo: number): Promise<number> {
  const sequence = String(++told);
  const receipt = got(await shop.POST("/v1/events", {
    body: { source: "/loja/b07/tablet-1", id: `t${sequence}`, sequence, actor: "ana", time: at(minutesAgo), ...event },
  }));
  if (!("seq" in receipt)) throw new Error("one event has one receipt");
  return receipt.seq;
}

let answered = 0;
const answer = async (run: Run, item: string, minutesAgo: number, given: Answer) => got(await shop.PUT("/v1/sop-runs/{run}/items/{item}", {
  params: { path: { run: run.run, item } },
  body: { device: "tablet-1", sequence: ++answered, time: at(minutesAgo), actor: "ana", ...given },
}));

const finish = (run: Run, minutesAgo: number) => shop.POST("/v1/sop-runs/{run}/finish", {
  params: { path: { run: run.run } }, body: { time: at(minutesAgo) },
});

async function upload(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes)));
  const sha256 = Array.from(digest, byte => byte.toString(16).padStart(2, "0")).join("");
  const kept = got(await shop.PUT("/v1/evidence/{sha256}", {
    params: { path: { sha256 } }, headers: { "Content-Type": "image/png" }, body: bytes, bodySerializer: body => body,
  }));
  return `sha256:${kept.sha256}`;
}

const visit = async (key: string): Promise<Instance> =>
  got(await shop.GET("/v1/journeys/{id}/instances/{key}", { params: { path: { id: "visit", key } } }));

async function runOf(key: string, stage: string): Promise<Run> {
  const page = got(await shop.GET("/v1/sop-runs", { params: { query: { journey: "visit", key, state: "open" } } }));
  const run = page.sop_runs.find(r => r.stage === stage);
  if (!run) throw new Error(`${key}: no open run in ${stage}`);
  return run;
}

// Answers whatever the run still wants, by the kind of each item as the checklist says it.
async function complete(run: Run, minutesAgo: number, photo: string): Promise<Run> {
  const checklist = got(await shop.GET("/v1/sops")).sops.find(s => s.id === run.sop);
  for (const missing of run.missing) {
    const item = checklist?.items.find(i => i.item === missing.item);
    switch (item?.kind) {
      case "yes-no": await answer(run, item.item, minutesAgo, { answer: "yes" }); break;
      case "number": await answer(run, item.item, minutesAgo, { answer: ((item.min ?? 0) + (item.max ?? 10)) / 2 }); break;
      case "choice": await answer(run, item.item, minutesAgo, { answer: item.choices?.[0]?.choice ?? null }); break;
      case "photo": case "file": await answer(run, item.item, minutesAgo, { evidence: [photo] }); break;
      default: throw new Error(`no way to answer ${missing.item}`);
    }
  }
  return got(await finish(run, minutesAgo));
}

// ---- the morning
const me = got(await shop.GET("/v1/me"));
const begin = () => shop.POST("/v1/sops/{id}/runs", { params: { path: { id: "open-shop" } }, body: { run: "tablet-1/open", actor: "ana", time: at(90) } });
const opening = got(await begin());
await answer(opening, "light", 88, { answer: "no" });
const stale = await answer(opening, "light", 89, { answer: "na" });              // kept while there was no line, given before
const wrong = refused(await shop.PUT("/v1/sop-runs/{run}/items/{item}", {
  params: { path: { run: opening.run, item: "fridge" } }, body: { answer: "cold", device: "tablet-1", sequence: 0, time: at(88) },
}));
const early = await finish(opening, 87);
const wanting = early.error?.missing?.filter(m => m.required).map(m => `${m.item} ${m.need}`);
const window = await upload(Uint8Array.from({ length: 5000 }, (_, i) => (i * 7) % 256));
const opened = await complete(await answer(opening, "light", 86, { answer: "yes" }), 85, window);
const shown = got(await shop.GET("/v1/evidence/{sha256}", {
  params: { path: { sha256: window.slice(7) } }, headers: { Range: "bytes=0-9" }, parseAs: "arrayBuffer",
}));

// The first customer, received in time.
await tell({ type: "visit.started", subject: "c1", data: { visit: "v1", channel: "loja" } }, 14);
const received = await visit("v1");
await complete(await runOf("v1", "receive"), 13.5, window);
await tell({ type: "need.stated", data: { visit: "v1", need: "troca" } }, 13);

console.log("noon");

// ---- the afternoon
await tell({ type: "sale.settled", data: { visit: "v1", state: "won", paid: { amount: 12990, currency: "BRL" } } }, 12);
const held = await visit("v1");                                                  // its checklist is required
await complete(await runOf("v1", "execute"), 11.5, window);
await tell({ type: "sale.settled", data: { visit: "v1", state: "won", paid: 12990 } }, 11);
const due = at(-2 * 24 * 60);
await tell({ type: "promise.made", subject: "c1", data: { visit: "v1", promise: "p1", what: "Ligar quando chegar", due } }, 10);
await tell({ type: "visit.closed", data: { visit: "v1" } }, 9);
const open = await visit("v1");                                                  // not over an open promise
const promises = got(await shop.GET("/v1/records/{kind}", { params: { path: { kind: "promise" } } })).records.map(r => r["state"]);
await tell({ type: "promise.settled", data: { visit: "v1", promise: "p1" } }, 8);
await tell({ type: "visit.closed", data: { visit: "v1" } }, 7);
await tell({ type: "nps.answered", subject: "c1", data: { visit: "v1", score: 9, comment: "Muito bom" } }, 6);

// The second waits too long, meets a friction, and leaves.
await tell({ type: "visit.started", subject: "c2", data: { visit: "v2", channel: "app" } }, 200);
await tell({ type: "need.stated", data: { visit: "v2", need: "compra" } }, 120);
await tell({ type: "friction.met", subject: "c2", data: { visit: "v2", kind: "out-of-stock", lost: "5min" } }, 119);
await complete(await runOf("v2", "execute"), 118, window);
await tell({ type: "sale.settled", data: { visit: "v2", state: "lost" } }, 117);
await tell({ type: "nps.answered", subject: "c2", data: { visit: "v2", score: 3 } }, 116);

// The third is still there, and waits.
await tell({ type: "visit.started", subject: "c3", data: { visit: "v3", channel: "loja" } }, 90);
let late: components["schemas"]["JourneyOutline"][] = [];
for (let tries = 0; late.length === 0 && tries < 600; tries++) {
  late = got(await shop.GET("/v1/journeys/{id}/instances", { params: { path: { id: "visit" }, query: { late: "1" } } })).instances;
  await pause(100);
}
const unlucky = await runOf("v3", "receive");
const abandon = () => shop.POST("/v1/sop-runs/{run}/abandon", { params: { path: { run: unlucky.run } }, body: { reason: "no time", time: at(5) } });
const abandoned = got(await abandon());

// What is not its business.
const foreign = refused(await shop.GET("/v1/sop-runs/{run}", { params: { path: { run: foreignRun } } }));
const meddled = refused(await shop.PUT("/v1/sop-runs/{run}/items/{item}", { params: { path: { run: foreignRun, item: "light" } }, body: { answer: "yes" } }));
const elsewhere = refused(await shop.POST("/v1/events", { body: { type: "visit.closed", unit: "b08", data: { visit: "v9" } } }));
const figures = refused(await shop.GET("/v1/kpis/{id}", { params: { path: { id: "visit-nps" } } }));

// ---- the evening: whatever was sent is sent again, and nothing changes
async function everything() {
  const runs = got(await office.GET("/v1/sop-runs", { params: { query: { limit: 1000 } } })).sop_runs;
  const visits = await Promise.all(["v1", "v2", "v3"].map(visit));
  const events: components["schemas"]["StoredEvent"][] = [];
  for (let after: number | null = 0; after !== null;) {
    const page: components["schemas"]["Events"] = got(await office.GET("/v1/events", { params: { query: { after, limit: 10 } } }));
    events.push(...page.events);
    after = page.next;
  }
  return { runs, visits, events };
}
const before = await everything();
const again: number[] = [];
for (const request of journal.splice(0)) again.push((await fetch(request)).status);
const after = await everything();

// ---- the manager
const path = { id: "visit" };
const funnel = got(await office.GET("/v1/journeys/{id}/funnel", { params: { path, query: { by: ["channel", "unit"] } } }));
const frictions = got(await office.GET("/v1/journeys/{id}/frictions", { params: { path } })).frictions;
const behind = got(await office.GET("/v1/journeys/{id}/frictions/instances", {
  params: { path, query: { kind: "out-of-stock", stage: "execute" } },
})).instances;
const nps = got(await office.GET("/v1/kpis/{id}", { params: { path: { id: "visit-nps" }, query: { by: ["unit"] } } }));
const adherence = got(await office.GET("/v1/kpis/{id}", { params: { path: { id: "adherence" } } }));
const definition = got(await office.GET("/v1/journeys")).journeys.find(j => j.definition.id === "visit")?.definition;

console.log(JSON.stringify({
  me: [me.name, me.level, me.unit], opening: opening.version, stale: [stale.superseded, stale.items[0]?.answer], wrong, early: refused(early), wanting,
  opened: [opened.state, opened.score, opened.passed], shown: Array.from(new Uint8Array(shown)),
  received: [received.stage, Date.parse(received.due ?? "") === Date.parse(at(-46)), received.waits_for, received.conformance?.fitness],
  held: [held.stage, held.history.at(-1)?.deviation], open: [open.stage, open.history.at(-1)?.deviation], promises,
  late: late.map(i => [i.key, i.stage, i.unit]), abandoned: [abandoned.state, abandoned.reason, abandoned.score],
  foreign, meddled, elsewhere, figures, calls, lost, refusals, again,
  same: JSON.stringify(before) === JSON.stringify(after), events: before.events.length,
  ended: before.visits.map(i => [i.key, i.stage, i.outcome, i.lost, i.history.map(m => m.deviation).filter(d => d !== null)]),
  runs: before.runs.map(r => [r.sop, r.state, r.stage, r.key, r.required]),
  funnel: [funnel.stages.map(s => [s.stage, s.instances, s.open, s.left, s.conversion]), funnel.outcomes,
    funnel.groups?.map(g => [g.by["channel"], g.by["unit"], g.instances])],
  frictions: frictions.map(f => [f.kind, f.stage, f.passes, f.lost_ms, f.nps?.with?.value, f.nps?.without?.value]), behind: behind.map(i => i.key),
  nps: [nps.value, nps.groups?.map(g => [g.by["unit"], g.value])], adherence: adherence.value,
  stages: definition?.stages.map(s => [s.id, s.sop, s.required, s.within]),
}));
