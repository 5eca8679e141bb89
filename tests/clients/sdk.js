// The CloudEvents JavaScript SDK as it comes, in all its modes, over TCP and the Unix socket.
// Usage: sdk.js URL SOCKET TOKEN; prints what was sent and what came back as JSON.
import http from "node:http";
import { CloudEvent, HTTP, Mode, emitterFor, httpTransport } from "cloudevents";

const [url, socketPath, token] = process.argv.slice(2);
const authorization = { authorization: `Bearer ${token}` };
const BATCH = "application/cloudevents-batch+json";

// A transport of one's own, as the SDK's documentation shows: whatever carries headers and a body.
function request(where, method, path, message = {}) {
  const how = where === "socket" ? { socketPath, path } : { host: new URL(url).hostname, port: new URL(url).port, path };
  return new Promise((resolve, reject) => {
    const r = http.request({ ...how, method, headers: { ...authorization, ...message.headers } }, answer => {
      let body = "";
      answer.setEncoding("utf8").on("data", text => (body += text))
        .on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, body }));
    });
    r.on("error", reject);
    r.end(message.body);
  });
}
const carry = where => message => request(where, "POST", "/v1/events", message);

// What an app may say.
function event(id, more = {}) {
  return new CloudEvent({
    id, source: "/loja/b07/pdv/3", type: "visit.rated", time: "2026-03-02T10:00:00.250-03:00",
    subject: 'c "1" 2', unit: "b07", actor: "ana", sequence: "17", data: { score: 9, comment: "ótimo \u2603" }, ...more,
  });
}
const plain = new CloudEvent({ type: "app.opened", source: "/app" }); // id and time by the SDK, no data
const dressed = { datacontenttype: "application/json", dataschema: "https://acme.example/visit" };

const sent = {}, statuses = {};
async function send(name, emit, e) {
  statuses[name] = [(await emit(e)).status, (await emit(e)).status]; // the second is a retry
  sent[name] = e.toJSON();
}
for (const where of ["socket", "tcp"]) {
  const structured = emitterFor(carry(where), { binding: HTTP, mode: Mode.STRUCTURED });
  const binary = emitterFor(carry(where), { binding: HTTP, mode: Mode.BINARY });
  await send(`${where} structured`, structured, event(`${where}-s`));
  await send(`${where} structured dressed`, structured, event(`${where}-sd`, { subject: "João", ...dressed }));
  await send(`${where} structured plain`, structured, plain.cloneWith({ id: `${where}-sp` }));
  await send(`${where} structured correction`, structured, event(`${where}-sc`, { corrects: `${where}-s`, data: { score: 3 } }));
  await send(`${where} binary`, binary, event(`${where}-b`));
  await send(`${where} binary dressed`, binary, event(`${where}-bd`, dressed));
  await send(`${where} binary plain`, binary, plain.cloneWith({ id: `${where}-bp` }));
  await send(`${where} binary accent`, binary, event(`${where}-ba`, { subject: "João" })); // UTF-8 as it is
  await send(`${where} crossed`, binary, event(`${where}-b`)); // as the other mode would send it again
  statuses[`${where} crossed`].push((await structured(event(`${where}-b`))).status);
  const many = [event(`${where}-m1`), event(`${where}-m2`, dressed), plain.cloneWith({ id: `${where}-m3` })];
  const message = { headers: { "content-type": BATCH }, body: JSON.stringify(many) };
  const answers = [await carry(where)(message), await carry(where)(message)].map(a => JSON.parse(a.body));
  statuses[`${where} batch`] = answers.map(a => [a.accepted, a.duplicates, a.rejected.length]);
  many.forEach((e, i) => (sent[`${where} batch ${i}`] = e.toJSON()));
}

// Its own transport does not say the status, but carries the receipt.
const own = emitterFor(httpTransport(`${url}/v1/events`));
const receipt = JSON.parse((await own(event("own"), { headers: authorization })).body);
sent.own = event("own").toJSON();

// The standard's way for text in headers is percent-encoding, which the SDK leaves to its user.
const encoded = event("encoded", { subject: encodeURIComponent("São 100% João ☃") });
statuses.encoded = (await emitterFor(carry("tcp"), { binding: HTTP, mode: Mode.BINARY })(encoded)).status;
const refused = {};
const refuse = async (name, mode, e) => {
  const answer = await emitterFor(carry("tcp"), { binding: HTTP, mode })(e);
  refused[name] = [answer.status, ...(({ code, field }) => [code, field])(JSON.parse(answer.body))];
};
await refuse("extension", Mode.STRUCTURED, event("r2", { tenant: "acme" }));
await refuse("bytes", Mode.STRUCTURED, event("r3", { data: new Uint8Array([1, 2, 3]) }));
await refuse("no data", Mode.STRUCTURED, event("r4", { data: undefined }));

// What comes back is read with the SDK's own strictness: as a batch, and one by one from the stream.
const listed = [];
for (let after = 0; after !== null;) {
  const page = JSON.parse((await request("socket", "GET", `/v1/events?limit=7&after=${after}`)).body);
  listed.push(...HTTP.toEvent({ headers: { "content-type": BATCH }, body: JSON.stringify(page.events) }));
  after = page.next;
}
const streamed = await new Promise((resolve, reject) => {
  const got = [];
  const r = http.request({ socketPath, path: "/v1/stream?after=0", headers: authorization }, answer => {
    let text = "";
    answer.setEncoding("utf8").on("data", more => {
      text += more;
      for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
        const data = text.slice(0, end).split("\n").filter(l => l.startsWith("data: ")).map(l => l.slice(6)).join("\n");
        if (data) got.push(new CloudEvent(JSON.parse(data), true));
      }
      if (got.length >= listed.length) { r.destroy(); resolve(got); }
    });
  });
  r.on("error", error => got.length < listed.length && reject(error));
  r.end();
});
for (const e of [...listed, ...streamed]) e.validate();
console.log(JSON.stringify({ statuses, sent, receipt, refused, listed, streamed }));
