// What must not compile: each mark below is itself an error unless the next line is one.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Event = components["schemas"]["Event"];
const api = createClient<paths>({ baseUrl: "http://localhost" });
const right: Event = { type: "visit.rated", data: { score: 9 } };

// @ts-expect-error a field that the type does not have
export const misspelt: Event = { type: "visit.rated", data: { scroe: 9, score: 9 } };
// @ts-expect-error a field of another type
export const foreign: Event = { type: "visit.rated", data: { score: 9, order: "o1" } };
// @ts-expect-error a required field is missing
export const missing: Event = { type: "visit.rated", data: { channel: "app" } };
// @ts-expect-error a text where a number belongs
export const kind: Event = { type: "visit.rated", data: { score: "9" } };
// @ts-expect-error not one of the choices
export const choice: Event = { type: "visit.rated", data: { score: 9, channel: "carta" } };
// @ts-expect-error another currency than the field's
export const money: Event = { type: "order.delivered", data: { order: "o", bought: "", paid: { amount: 1, currency: "USD" } } };
// @ts-expect-error an attribute that events do not have
export const attribute: Event = { type: "visit.rated", unti: "b07", data: { score: 9 } };
// @ts-expect-error a type that no plugin declares
export const type: Event = { type: "visit.rate", data: { score: 9 } };
// @ts-expect-error a batch whose events have no id
await api.POST("/v1/events", { body: [right] });
// @ts-expect-error a route that is not there
await api.GET("/v1/kpi/{id}", { params: { path: { id: "nps" } } });
// @ts-expect-error a parameter that is not there
await api.GET("/v1/kpis/{id}", { params: { path: { id: "nps" }, query: { group: ["unit"] } } });
// @ts-expect-error no such comparison
await api.GET("/v1/kpis/{id}", { params: { path: { id: "nps" }, query: { compare: "before" } } });
const kpi = await api.GET("/v1/kpis/{id}", { params: { path: { id: "nps" } } });
// @ts-expect-error a member that the reply does not have
export const member = kpi.data?.vaule;
// @ts-expect-error null is not a number
export const value: number | undefined = kpi.data?.value;
await api.POST("/v1/events", { body: right });
