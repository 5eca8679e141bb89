/* loadgen.c — sends events over a Unix or TCP socket as fast as the answers come, and measures.
 * Flow:   options → templates cut into pieces → one epoll loop: every connection keeps `depth`
 *         requests in flight, each answer is checked and timed and makes room for the next → after
 *         the time is up nothing new is sent, what is in flight is awaited → JSON on stdout.
 * Checks: the status of every answer; of a single event that the answer names the id that was sent
 *         (so answers came in order); of a batch that accepted is what was sent.
 * Units:  microseconds on the monotonic clock; latency runs from the request's last byte made to
 *         the answer's last byte read. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { TEMPLATES = 64, PIECES = 64, DEPTH_MAX = 256, READ_MIN = 65536, DRAIN_US = 10000000 };
enum mode { SINGLE, BATCH, NDJSON };
enum piece_kind { TEXT, ID, TIME, UNIT, INT };

struct piece {
	enum piece_kind kind;
	const char *text;
	size_t n;
	long low, high;
};
struct template
{
	struct piece v[PIECES];
	int n;
};
struct bytes {
	char *p;
	size_t n, cap;
};
struct flight {
	int64_t at;
	uint64_t id;
};
struct conn {
	int fd;
	struct bytes in, out;
	size_t sent; /* of out */
	struct flight ring[DEPTH_MAX];
	unsigned first, count;
	bool waiting_out;
};

static struct {
	const char *unix_path, *tcp, *path, *type, *templates, *prefix, *token;
	int connections, depth, batch, requests;
	enum mode mode;
	double seconds, warmup;
} opt = {.path = "/v1/events",
	.connections = 1,
	.depth = 1,
	.batch = 100,
	.seconds = 2,
	.warmup = 0.5};

static struct template templates[TEMPLATES];
static int ntemplates;
static uint64_t next_id, random_state = 88172645463325252u;
static char time_text[64];
static uint32_t *latencies;
static size_t nlatencies, caplatencies;
static int64_t measure_from, measure_to;
static uint64_t sent, answered, measured, accepted, wrong, closed, statuses[600];
static int64_t first_done, last_done;

static void die(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("loadgen: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static char *room(struct bytes *b, size_t n)
{
	if (b->n + n > b->cap) {
		b->cap = (b->n + n) * 2;
		b->p = realloc(b->p, b->cap);
		if (!b->p)
			die("out of memory");
	}
	return b->p + b->n;
}

static void put(struct bytes *b, const char *s, size_t n)
{
	memcpy(room(b, n), s, n);
	b->n += n;
}

__attribute__((format(printf, 2, 3))) static void putf(struct bytes *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	b->n += (size_t)vsnprintf(room(b, 256), 256, fmt, ap);
	va_end(ap);
}

/* ---- templates: {id} {time} {unit} {int:LOW:HIGH} */

static void template_piece(struct template *t, struct piece p)
{
	if (t->n == PIECES)
		die("a template has more than %d pieces", PIECES);
	t->v[t->n++] = p;
}

static void template_read(struct template *t, const char *s, size_t n)
{
	size_t from = 0;
	for (size_t i = 0; i < n; i++) {
		struct piece p = {.kind = TEXT};
		int end = 0;
		if (s[i] != '{')
			continue;
		if (!strncmp(s + i, "{id}", 4))
			p.kind = ID, end = 4;
		else if (!strncmp(s + i, "{time}", 6))
			p.kind = TIME, end = 6;
		else if (!strncmp(s + i, "{unit}", 6))
			p.kind = UNIT, end = 6;
		else if (sscanf(s + i, "{int:%ld:%ld}%n", &p.low, &p.high, &end) == 2 && end)
			p.kind = INT;
		if (p.kind == TEXT)
			continue;
		template_piece(t, (struct piece){.kind = TEXT, .text = s + from, .n = i - from});
		template_piece(t, p);
		from = i + (size_t)end;
	}
	template_piece(t, (struct piece){.kind = TEXT, .text = s + from, .n = n - from});
}

static void templates_load(const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	if (!f)
		die("%s: %s", path, strerror(errno));
	while ((n = getline(&line, &cap, f)) > 0 && ntemplates < TEMPLATES) {
		if (line[n - 1] == '\n')
			n--;
		if (n)
			template_read(
				&templates[ntemplates++], strndup(line, (size_t)n), (size_t)n);
	}
	free(line);
	fclose(f);
	if (!ntemplates)
		die("%s: no templates", path);
}

static void event_make(struct bytes *b, uint64_t id)
{
	static const char *units[] = {"sp-01", "sp-02", "sp-03", "sp-04", "sp-05", "rj-01", "rj-02",
		"rj-03", "mg-01", "mg-02", "mg-03", "pr-01", "pr-02", "rs-01", "rs-02", "sc-01",
		"ba-01", "ba-02", "pe-01", "ce-01"};
	const struct template *t = &templates[id % (uint64_t)ntemplates];
	const char *unit = units[random_next() % (sizeof units / sizeof *units)];
	for (int i = 0; i < t->n; i++) {
		const struct piece *p = &t->v[i];
		switch (p->kind) {
		case TEXT: put(b, p->text, p->n); break;
		case ID: putf(b, "%s-%012llx", opt.prefix, (unsigned long long)id); break;
		case TIME: put(b, time_text, strlen(time_text)); break;
		case UNIT: put(b, unit, strlen(unit)); break;
		case INT:
			putf(b, "%ld",
				p->low + (long)(random_next() % (uint64_t)(p->high - p->low + 1)));
		}
	}
}

static void time_refresh(void)
{
	struct timespec t;
	struct tm tm;
	char s[32];
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec -= 3 * 3600;
	gmtime_r(&t.tv_sec, &tm);
	strftime(s, sizeof s, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(time_text, sizeof time_text, "%s.%03u-03:00", s,
		(unsigned)(t.tv_nsec / 1000000) % 1000);
}

/* ---- requests */

static void request_make(struct conn *c)
{
	static struct bytes body;
	int n = opt.mode == SINGLE ? 1 : opt.batch;
	struct flight *f = &c->ring[(c->first + c->count++) % DEPTH_MAX];
	body.n = 0;
	f->id = next_id;
	if (opt.mode == BATCH)
		put(&body, "[", 1);
	for (int i = 0; i < n; i++) {
		if (i && opt.mode == BATCH)
			put(&body, ",", 1);
		event_make(&body, next_id++);
		if (opt.mode == NDJSON)
			put(&body, "\n", 1);
	}
	if (opt.mode == BATCH)
		put(&body, "]", 1);
	putf(&c->out, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n", opt.path,
		opt.tcp ? opt.tcp : "localhost", opt.type);
	if (opt.token)
		putf(&c->out, "Authorization: Bearer %s\r\n", opt.token);
	putf(&c->out, "Content-Length: %zu\r\n\r\n", body.n);
	put(&c->out, body.p, body.n);
	f->at = now_us();
	sent++;
}

static void conn_open(struct conn *c)
{
	int one = 1, r;
	if (opt.unix_path) {
		struct sockaddr_un a = {.sun_family = AF_UNIX};
		if (strlen(opt.unix_path) >= sizeof a.sun_path)
			die("the socket's path is too long");
		strcpy(a.sun_path, opt.unix_path);
		c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		r = connect(c->fd, (struct sockaddr *)&a, sizeof a);
	} else {
		struct sockaddr_in a = {.sin_family = AF_INET};
		char host[64];
		int port;
		if (sscanf(opt.tcp, "%63[^:]:%d", host, &port) != 2 ||
			!inet_aton(host, &a.sin_addr))
			die("--tcp takes 127.0.0.1:PORT");
		a.sin_port = htons((uint16_t)port);
		c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		r = connect(c->fd, (struct sockaddr *)&a, sizeof a);
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	}
	if (r < 0)
		die("connect: %s", strerror(errno));
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

static void conn_want(int ep, struct conn *c, bool out)
{
	struct epoll_event ev = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c};
	if (c->waiting_out == out)
		return;
	c->waiting_out = out;
	epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
}

static void conn_write(int ep, struct conn *c)
{
	while (c->sent < c->out.n) {
		ssize_t n = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL);
		if (n < 0) {
			if (errno != EAGAIN)
				break; /* the read side tells that it is closed */
			conn_want(ep, c, true);
			return;
		}
		c->sent += (size_t)n;
	}
	c->sent = c->out.n = 0;
	conn_want(ep, c, false);
}

/* ---- answers */

static void latency_add(int64_t us)
{
	if (nlatencies == caplatencies) {
		caplatencies = caplatencies ? caplatencies * 2 : 1 << 20;
		latencies = realloc(latencies, caplatencies * sizeof *latencies);
		if (!latencies)
			die("out of memory");
	}
	latencies[nlatencies++] = (uint32_t)us;
}

static bool answer_right(const struct flight *f, int status, const char *body, size_t n)
{
	char id[80];
	const char *p;
	if (opt.mode == SINGLE) {
		int len = snprintf(
			id, sizeof id, "\"%s-%012llx\"", opt.prefix, (unsigned long long)f->id);
		if (status != 201 || !memmem(body, n, id, (size_t)len))
			return false;
		accepted++;
		return true;
	}
	p = status == 200 ? memmem(body, n, "\"accepted\":", 11) : NULL;
	if (!p)
		return false;
	int got = atoi(p + 11);
	accepted += (uint64_t)got;
	return got == opt.batch;
}

static void answer_done(struct conn *c, int status, const char *body, size_t n)
{
	struct flight f = c->ring[c->first];
	int64_t now = now_us();
	c->first = (c->first + 1) % DEPTH_MAX;
	c->count--;
	answered++;
	statuses[status < 600 && status >= 0 ? status : 0]++;
	if (!answer_right(&f, status, body, n)) {
		if (!wrong++)
			fprintf(stderr, "loadgen: first wrong answer: %d %.*s\n", status,
				(int)(n < 500 ? n : 500), body);
	}
	if (now < measure_from || now > measure_to)
		return;
	if (!measured++)
		first_done = now;
	last_done = now;
	latency_add(now - f.at);
}

/* Bytes of one whole answer at p, 0 = not all there yet. */
static size_t answer_parse(const char *p, size_t n, int *status, const char **body, size_t *len)
{
	const char *end = memmem(p, n, "\r\n\r\n", 4), *line;
	size_t head, length = 0;
	if (!end)
		return 0;
	head = (size_t)(end - p) + 4;
	*status = n > 12 ? atoi(p + 9) : 0;
	for (line = p; line && line < end; line = memchr(line, '\n', (size_t)(end - line))) {
		line += *line == '\n';
		if (!strncasecmp(line, "content-length:", 15))
			length = strtoul(line + 15, NULL, 10);
		if (!strncasecmp(line, "transfer-encoding:", 18))
			die("a chunked answer: not expected here");
	}
	if (n < head + length)
		return 0;
	*body = p + head;
	*len = length;
	return head + length;
}

/* Reads what is there; false when the peer closed. */
static bool conn_read(struct conn *c)
{
	for (;;) {
		size_t used = 0, one, len;
		const char *body;
		int status;
		ssize_t n = recv(c->fd, room(&c->in, READ_MIN), READ_MIN, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		if (n < 0)
			return true;
		c->in.n += (size_t)n;
		while (c->count && (one = answer_parse(c->in.p + used, c->in.n - used, &status,
					    &body, &len))) {
			used += one;
			answer_done(c, status, body, len);
		}
		memmove(c->in.p, c->in.p + used, c->in.n - used);
		c->in.n -= used;
		if (n < READ_MIN)
			return true;
	}
}

static bool may_send(int64_t now)
{
	if (opt.requests)
		return sent < (uint64_t)opt.requests;
	return now < measure_to;
}

static void conn_fill(int ep, struct conn *c, int64_t now)
{
	while (c->count < (unsigned)opt.depth && may_send(now))
		request_make(c);
	conn_write(ep, c);
}

static void run(struct conn *conns, int ep)
{
	struct epoll_event evs[256];
	int64_t now = now_us(), refreshed = 0;
	measure_from = now + (int64_t)(opt.warmup * 1e6);
	measure_to = opt.requests ? INT64_MAX : measure_from + (int64_t)(opt.seconds * 1e6);
	time_refresh();
	for (int i = 0; i < opt.connections; i++)
		conn_fill(ep, &conns[i], now);
	while (answered + closed < sent || may_send(now)) {
		int n = epoll_wait(ep, evs, 256, 200);
		now = now_us();
		if (now - refreshed > 1000) {
			time_refresh();
			refreshed = now;
		}
		for (int i = 0; i < n; i++) {
			struct conn *c = evs[i].data.ptr;
			if (!conn_read(c)) {
				closed += c->count;
				close(c->fd);
				*c = (struct conn){.in = {c->in.p, 0, c->in.cap},
					.out = {c->out.p, 0, c->out.cap}};
				conn_open(c);
				struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
				epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev);
			}
			conn_fill(ep, c, now);
		}
		if (!opt.requests && now > measure_to + DRAIN_US)
			break;
	}
}

/* ---- report and options */

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static double percentile(double p)
{
	if (!nlatencies)
		return 0;
	size_t i = (size_t)(p * (double)nlatencies);
	return latencies[i < nlatencies ? i : nlatencies - 1];
}

static void report(void)
{
	double seconds = opt.requests ? (double)(last_done - first_done) / 1e6 : opt.seconds;
	int each = opt.mode == SINGLE ? 1 : opt.batch;
	const char *comma = "";
	qsort(latencies, nlatencies, sizeof *latencies, by_value);
	if (seconds <= 0)
		seconds = 1e-6;
	printf("{\"connections\":%d,\"depth\":%d,\"events_per_request\":%d,\"seconds\":%.3f,",
		opt.connections, opt.depth, each, seconds);
	printf("\"requests\":%llu,\"requests_per_s\":%.1f,\"events_per_s\":%.1f,",
		(unsigned long long)measured, (double)measured / seconds,
		(double)measured * each / seconds);
	printf("\"p50_us\":%.0f,\"p90_us\":%.0f,\"p99_us\":%.0f,\"max_us\":%.0f,", percentile(0.5),
		percentile(0.9), percentile(0.99), percentile(1));
	printf("\"all_sent\":%llu,\"all_answered\":%llu,\"all_accepted\":%llu,\"unanswered\":%llu,"
	       "\"wrong\":%llu,\"statuses\":{",
		(unsigned long long)sent, (unsigned long long)answered,
		(unsigned long long)accepted, (unsigned long long)(sent - answered),
		(unsigned long long)wrong);
	for (int i = 0; i < 600; i++)
		if (statuses[i]) {
			printf("%s\"%d\":%llu", comma, i, (unsigned long long)statuses[i]);
			comma = ",";
		}
	puts("}}");
}

static void usage(void)
{
	fputs("loadgen --unix PATH | --tcp 127.0.0.1:PORT --templates FILE [--connections N] "
	      "[--depth N]\n"
	      "  [--seconds S] [--warmup S] [--requests N] [--mode single|batch|ndjson] [--batch "
	      "N]\n"
	      "  [--path /v1/events] [--type MEDIA-TYPE] [--prefix ID-PREFIX] [--token T]\n"
	      "FILE: one event a line; {id} {time} {unit} {int:LOW:HIGH} are filled in.\n",
		stderr);
	exit(2);
}

static void mode_set(const char *v)
{
	static const char *names[] = {"single", "batch", "ndjson"};
	for (int i = 0; i < 3; i++) {
		if (!strcmp(v, names[i])) {
			opt.mode = (enum mode)i;
			return;
		}
	}
	usage();
}

static void options(int argc, char **argv)
{
	static const char *types[] = {"application/cloudevents+json",
		"application/cloudevents-batch+json", "application/x-ndjson"};
	static const struct {
		const char *name;
		const char **text;
		int *number;
		double *real;
	} known[] = {{"--unix", &opt.unix_path, NULL, NULL}, {"--tcp", &opt.tcp, NULL, NULL},
		{"--templates", &opt.templates, NULL, NULL}, {"--path", &opt.path, NULL, NULL},
		{"--type", &opt.type, NULL, NULL}, {"--token", &opt.token, NULL, NULL},
		{"--prefix", &opt.prefix, NULL, NULL},
		{"--connections", NULL, &opt.connections, NULL},
		{"--depth", NULL, &opt.depth, NULL}, {"--batch", NULL, &opt.batch, NULL},
		{"--requests", NULL, &opt.requests, NULL}, {"--seconds", NULL, NULL, &opt.seconds},
		{"--warmup", NULL, NULL, &opt.warmup}};
	const int n = sizeof known / sizeof *known;
	for (int i = 1; i < argc; i += 2) {
		int k = 0;
		while (k < n && strcmp(argv[i], known[k].name) != 0)
			k++;
		if (i + 1 == argc || (k == n && strcmp(argv[i], "--mode") != 0))
			usage();
		if (k == n)
			mode_set(argv[i + 1]);
		else if (known[k].text)
			*known[k].text = argv[i + 1];
		else if (known[k].number)
			*known[k].number = atoi(argv[i + 1]);
		else
			*known[k].real = atof(argv[i + 1]);
	}
	if (!opt.unix_path == !opt.tcp || !opt.templates || opt.connections < 1 || opt.depth < 1 ||
		opt.depth > DEPTH_MAX || opt.batch < 1)
		usage();
	if (opt.requests)
		opt.warmup = 0;
	if (!opt.type)
		opt.type = types[opt.mode];
}

int main(int argc, char **argv)
{
	char prefix[32];
	options(argc, argv);
	snprintf(prefix, sizeof prefix, "%llx%x", (unsigned long long)time(NULL),
		(unsigned)getpid());
	if (!opt.prefix)
		opt.prefix = prefix;
	random_state ^= (uint64_t)getpid() << 20;
	templates_load(opt.templates);
	struct conn *conns = calloc((size_t)opt.connections, sizeof *conns);
	int ep = epoll_create1(EPOLL_CLOEXEC);
	if (!conns || ep < 0)
		die("cannot start");
	for (int i = 0; i < opt.connections; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &conns[i]};
		conn_open(&conns[i]);
		epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &ev);
	}
	run(conns, ep);
	report();
	return wrong || sent != answered;
}
