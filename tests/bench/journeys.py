"""Services whose events move a journey (plugins/tickets): cxd with so many open instances, and npm
workflow engines with the same journey (peer/journey.js)."""
import json
import sys

from services import HERE, WORK, Cxd, Peer

STEP = 10000  # events of one POST


class Tickets(Cxd):
    """So many open tickets, with a deadline each; events pass a ticket at random to the other stage."""

    def __init__(self, where, sockets, options, tickets):
        self.key, self.name = f"tickets-{tickets}", f"cxd, {tickets:,} open"
        self.tickets = tickets
        super().__init__(where, sockets, options)

    @property
    def templates(self):
        return templates(self)

    def settings(self):
        return {"company": {"name": "Bench"},
                "plugins": {"path": HERE / "plugins", "enable": "tickets"}}

    def start(self):
        super().start()
        for first in range(1, self.tickets + 1, STEP):
            c = self.connection()
            c.timeout = 120
            last = min(first + STEP - 1, self.tickets)
            c.request("POST", "/v1/events", "".join(
                f'{{"specversion":"1.0","id":"open-{i}","source":"/desk","type":"ticket.opened",'
                f'"unit":"b01","data":{{"ticket":"t-{i}"}}}}\n' for i in range(first, last + 1)),
                {"Content-Type": "application/x-ndjson"})
            reply = json.loads(c.getresponse().read())
            c.close()
            if reply.get("accepted") != last - first + 1:
                raise SystemExit(f"{self.name}: tickets were not opened: {reply}")
            if self.tickets > 100000 and first % 100000 == 1:
                print(f"  {first - 1:>9,} tickets open", end="\r", file=sys.stderr, flush=True)

    def kept(self):
        """Every acknowledged event has moved its ticket."""
        return self.count("select count(*) from journey_move where source is not null")


class Engine(Peer):
    """An npm workflow engine behind Fastify and better-sqlite3, batching."""

    def __init__(self, where, sockets, options, engine, tickets):
        super().__init__(where, sockets, options, batch=True)
        self.key, self.name = f"engine-{engine}", f"{engine}, {tickets:,} open"
        self.folder, self.socket = where / self.key, sockets / f"{self.key}.sock"
        self.log = WORK / f"{self.key}.log"
        self.engine, self.tickets = engine, tickets

    @property
    def templates(self):
        return templates(self)

    def command(self):
        return [a.replace("server.js", "journey.js") for a in super().command()] + [
            "--engine", self.engine, "--tickets", str(self.tickets)]


def templates(service):
    path = service.folder / "tickets.ndjson"
    path.write_text(json.dumps({
        "specversion": "1.0", "id": "{id}", "source": "/desk", "type": "ticket.passed",
        "time": "{time}", "unit": "b01", "data": {"ticket": f"t-{{int:1:{service.tickets}}}"}}) + "\n")
    return path
