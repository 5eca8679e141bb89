// A client of a company's own: openapi-fetch over types that openapi-typescript made of the running
// daemon's document. Usage: client.js URL TOKEN; prints what it saw as JSON.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Event = components["schemas"]["Event"];
const [url, token] = process.argv.slice(2) as [string, string];
const api = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });

function rated(i: number): Event {
  return {
    type: "visit.rated", id: `t${i}`, source: "/ts", time: `2026-0${1 + (i % 6)}-10T12:00:00-03:00`,
    unit: i % 2 ? "b01" : "b02", subject: `c-${i % 7}`, data: { score: i % 11, channel: "loja" },
  };
}

const delivered: Event = {
  type: "order.delivered", id: "o1", source: "/ts",
  data: { order: "o1", bought: "2026-01-02T10:00:00Z", paid: { amount: 1999, currency: "BRL" } },
};

const statuses: number[] = [];
for (const event of [rated(0), rated(1), delivered, rated(0)]) {
  const { data, error, response } = await api.POST("/v1/events", { body: event });
  if (error) throw new Error(`${error.code}: ${error.detail}`);
  if ("seq" in data) statuses.push(response.status);
}

const batch = await api.POST("/v1/events", {
  headers: { "Content-Type": "application/cloudevents-batch+json" },
  params: { query: { receipts: "1" } },
  body: Array.from({ length: 60 }, (_, i) => ({ ...rated(i), specversion: "1.0", id: `t${i}` })),
});
if (batch.error || !("accepted" in batch.data)) throw new Error("batch");

const refused = await api.POST("/v1/events", {
  body: { type: "visit.rated", data: { score: 11 } },
});

const kpi = await api.GET("/v1/kpis/{id}", {
  params: {
    path: { id: "visit-nps" },
    query: { from: "2026-04-01", to: "2026-07-01", by: ["unit"], where: ["channel:loja"], compare: "previous" },
  },
});
if (kpi.error) throw new Error(kpi.error.detail);

const seqs: number[] = [];
for (let after: number | null = 0; after !== null;) {
  const page: { data?: components["schemas"]["Events"] } =
    await api.GET("/v1/events", { params: { query: { after, limit: 25, type: "visit.rated" } } });
  if (!page.data) throw new Error("events");
  seqs.push(...page.data.events.map(e => e.seq));
  after = page.data.next;
}

const explained = await api.GET("/v1/kpis/{id}/explain", {
  params: { path: { id: "visit-nps" }, query: { limit: 3, last: "10y" } },
});
if (explained.error) throw new Error(explained.error.detail);
const source: string | undefined = explained.data.definition.formula?.source;

const unknown = await api.GET("/v1/kpis/{id}", { params: { path: { id: "no-such" } } });

console.log(JSON.stringify({
  statuses, accepted: batch.data.accepted, duplicates: batch.data.duplicates,
  receipts: batch.data.receipts?.length, refused: refused.error?.code, field: refused.error?.field,
  value: kpi.data.value, verdict: kpi.data.verdict, before: kpi.data.previous?.value,
  answers: kpi.data.measures?.["answers"],
  groups: kpi.data.groups?.map(g => [g.by["unit"], g.measures?.["answers"], g.previous?.measures?.["answers"]]),
  seqs, source, explained: explained.data.events.length, more: explained.data.next !== null,
  unknown: unknown.error?.code,
}));
