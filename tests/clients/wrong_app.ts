// What an app must not get past the compiler: each mark below is itself an error unless the next line is one.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];
const api = createClient<paths>({ baseUrl: "http://localhost" });
const path = { run: "r", item: "light" };

// @ts-expect-error a member that an answer does not have
export const misspelt: Schemas["SopAnswer"] = { answr: "yes" };
// @ts-expect-error neither a text nor a number
await api.PUT("/v1/sop-runs/{run}/items/{item}", { params: { path }, body: { answer: true } });
// @ts-expect-error the item is missing
await api.PUT("/v1/sop-runs/{run}/items/{item}", { params: { path: { run: "r" } }, body: { answer: "yes" } });
// @ts-expect-error abandoned without a reason
await api.POST("/v1/sop-runs/{run}/abandon", { params: { path }, body: {} });
// @ts-expect-error no such state
await api.GET("/v1/sop-runs", { params: { query: { state: "done" } } });
// @ts-expect-error no such filter
await api.GET("/v1/journeys/{id}/instances", { params: { path: { id: "visit" }, query: { subject: "c1" } } });
// @ts-expect-error a field of another event
export const foreign: Schemas["Event"] = { type: "visit.closed", data: { visit: "v1", score: 9 } };
// @ts-expect-error a promise without its due time
export const promise: Schemas["Event"] = { type: "promise.made", data: { visit: "v1", promise: "p1" } };

declare const run: Schemas["SopRun"], instance: Schemas["JourneyInstance"], item: Schemas["SopItem"], problem: Schemas["Problem"];
declare const definition: Schemas["JourneyDefinition"];
// @ts-expect-error a run that is open has no end
export const ended: string = run.ended;
// @ts-expect-error nothing may count: null is no score
export const score: number = run.score;
// @ts-expect-error an instance that has ended is in no stage
export const stage: string = instance.stage;
// @ts-expect-error a state that runs do not have
export const done = run.state === "done";
// @ts-expect-error a deviation that there is not
export const lost = instance.history[0]?.deviation === "lost";
// @ts-expect-error a kind of item that there is not
export const video = item.kind === "video";
// @ts-expect-error a code that there is not
export const code = problem.code === "no_such_run";
// @ts-expect-error not every stage has a checklist
export const sop: string | undefined = definition.stages[0].sop;
await api.POST("/v1/sop-runs/{run}/finish", { params: { path } });
