// Are real answers what /v1/openapi.json says, and does it take the events that the daemon takes? Stdin:
// {"document", "samples":[{method,path,status,type,body}], "events":[[event, was it taken]]}; stdout: one
// line for each that differs. What a schema of an answer does not name counts as wrong here: clients may
// be lenient, the description must be complete.
import { text } from "node:stream/consumers";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";

const { document, samples = [], events = [] } = JSON.parse(await text(process.stdin));
const ROOT = "openapi.json";

function parts(schema, found) {
  if (Array.isArray(schema)) return schema.forEach(s => parts(s, found));
  if (schema === null || typeof schema !== "object") return;
  for (const part of schema.allOf ?? []) if (part.$ref) found.add(part.$ref.split("/").pop());
  Object.values(schema).forEach(s => parts(s, found));
}

// Objects take no further members; one that is part of an allOf leaves that to the whole.
function close(schema, isPart) {
  if (Array.isArray(schema)) return schema.forEach(s => close(s, false));
  if (schema === null || typeof schema !== "object") return;
  for (const [name, inner] of Object.entries(schema)) {
    if (name === "allOf") inner.forEach(s => close(s, true));
    else if (name === "properties") Object.values(inner).forEach(s => close(s, false));
    else if (typeof inner === "object") close(inner, false);
  }
  const object = schema.properties && schema.additionalProperties === undefined;
  if (!isPart && (object || schema.allOf)) schema.unevaluatedProperties = false;
}

const shared = new Set();
parts(document, shared);
for (const [name, schema] of Object.entries(document.components.schemas)) {
  const isPart = shared.has(name);
  if (isPart && schema.allOf) throw new Error(`${name}: an allOf inside an allOf`);
  close(schema, isPart);
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addSchema(document, ROOT);

function resolve(node) {
  return node?.$ref ? node.$ref.slice(2).split("/").reduce((at, name) => at[name], document) : node;
}

for (const { method, path, status, type, body } of samples) {
  const said = what => console.log(`${method} ${path} ${status}: ${what}`);
  const operation = document.paths[path]?.[method.toLowerCase()];
  const answer = resolve(operation?.responses[status]);
  if (!answer) { said("no such answer is described"); continue; }
  if (!Object.keys(answer.content ?? {}).length) {
    if (type) said(`no body is described, and there is one as ${type}`);
    continue;
  }
  const schema = (answer.content[type.split(";")[0]] ?? answer.content["*/*"])?.schema;
  if (!schema) { said(`not as ${type}`); continue; }
  if (!type.includes("json")) continue;
  const refs = schema.oneOf ?? [schema];
  const wrong = refs.map(s => {
    const validate = ajv.compile(s.$ref ? { $ref: ROOT + s.$ref } : s);
    return validate(body) ? [] : validate.errors;
  });
  if (!wrong.some(errors => errors.length === 0))
    said(wrong.flat().slice(0, 4).map(e => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`).join("; "));
}

for (const [event, taken] of events) {
  const validate = ajv.getSchema(`${ROOT}#/components/schemas/Event`);
  if (validate(event) !== taken) console.log(`${taken ? "taken" : "refused"} by the daemon only: ${JSON.stringify(event)}`);
}
