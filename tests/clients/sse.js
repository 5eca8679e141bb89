// The npm client of server-sent events, as it comes. Usage: sse.js URL TOKEN LAST; prints each
// event's id, and ends after LAST.
import { EventSource } from "eventsource";

const [url, token, last] = process.argv.slice(2);
const stream = new EventSource(`${url}/v1/stream?after=0&types=visit.rated`, {
  fetch: (address, init) => fetch(address, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } }),
});
stream.addEventListener("open", () => console.log("open"));
stream.addEventListener("error", e => {
  if (stream.readyState === EventSource.CLOSED) {
    console.log(`closed ${e.code} ${e.message}`);
    process.exit(1);
  }
});
stream.addEventListener("visit.rated", e => {
  console.log(`${e.lastEventId} ${JSON.parse(e.data).id}`);
  if (e.lastEventId === last) {
    stream.close();
    process.exit(0);
  }
});
