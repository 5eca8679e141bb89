#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/print.h"

static long long number(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static void title(const char *text)
{
	printf("\n%s\n", text);
}

static void event(const json_t *ev)
{
	static const char *const keys[] = {"source", "type", "time", "recordedtime", "subject",
		"unit", "actor", "sequence", "corrects"};
	printf(CX_T("evento %s (seq %lld)\n", "event %s (seq %lld)\n"), json_text_of(ev, "id"),
		number(ev, "seq"));
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (json_text_of(ev, keys[i]))
			printf("  %-13s %s\n", keys[i], json_text_of(ev, keys[i]));
	static const char *const objects[] = {"data", "derived"};
	for (int i = 0; i < 2; i++) {
		const json_t *o = json_object_get(ev, objects[i]);
		char *text = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
		if (text)
			printf("  %-13s %s\n", objects[i], text);
		free(text);
	}
}

static void outline(const json_t *ev, int depth, const char *more)
{
	printf("  %*s%s %s  seq %lld, %s%s\n", depth * 2, "", json_text_of(ev, "type"),
		json_text_of(ev, "id"), number(ev, "seq"), json_text_of(ev, "recordedtime"), more);
}

static void family(const json_t *list)
{
	if (json_array_size(list))
		title(CX_T("correções (conta a mais nova)", "corrections (the newest counts)"));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *ev = json_array_get(list, i);
		outline(ev, 0,
			json_is_true(json_object_get(ev, "stands"))
				? CX_T("  ← conta", "  ← counts")
				: "");
	}
}

static void caused(const json_t *list, int depth)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *ev = json_array_get(list, i);
		outline(ev, depth, "");
		caused(json_object_get(ev, "caused"), depth + 1);
	}
}

static void timers(const json_t *list)
{
	if (json_array_size(list))
		title(CX_T("timers", "timers"));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *t = json_array_get(list, i);
		const char *fired = json_text_of(t, "fired");
		printf(CX_T("  %s de %s, para %s: ", "  %s of %s, due %s: "),
			json_text_of(t, "name"), json_text_of(t, "plugin"), json_text_of(t, "due"));
		if (number(t, "failed"))
			printf(CX_T("falhou em %s (%lld)\n", "failed at %s (%lld)\n"), fired,
				number(t, "failed"));
		else if (fired)
			printf(CX_T("disparou em %s\n", "fired at %s\n"), fired);
		else
			printf("%s\n", CX_T("espera", "it waits"));
		caused(json_object_get(t, "caused"), 1);
	}
}

static void failed(const json_t *list)
{
	if (json_array_size(list))
		title(CX_T("reações que falharam", "failed reactions"));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *f = json_array_get(list, i);
		const char *done = json_text_of(f, "done_time");
		long long tries = number(f, "tries");
		printf(CX_T("  %lld: %s de %s, %s:%lld, %lld %s\n     %s\n",
			       "  %lld: %s of %s, %s:%lld, %lld %s\n     %s\n"),
			number(f, "id"), json_text_of(f, "handler"), json_text_of(f, "plugin"),
			json_text_of(f, "file"), number(f, "line"), tries,
			CX_T(CX_N(tries, "vez", "vezes"), CX_N(tries, "try", "tries")),
			json_text_of(f, "message"));
		if (done)
			printf(CX_T("     rodou de novo e deu certo: %s\n",
				       "     run again with success: %s\n"),
				done);
	}
}

/* "unit=b07 channel=app" */
static void group(const json_t *m, struct buf *b)
{
	const json_t *by = json_object_get(m, "by"), *values = json_object_get(m, "group");
	for (size_t i = 0; i < json_array_size(by); i++) {
		const json_t *v = json_array_get(values, i);
		char *text = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY);
		buf_printf(b, "%s%s=%s", i ? " " : "", json_string_value(json_array_get(by, i)),
			text ? text : json_string_value(v));
		free(text);
	}
}

static void measures(const json_t *list)
{
	struct table t = {0};
	struct buf where = {0};
	if (!json_array_size(list))
		return;
	title(CX_T("indicadores", "figures"));
	table_column(&t, "KPI", false);
	table_column(&t, CX_T("medida", "measure"), false);
	table_column(&t, CX_T("conta", "counts"), true);
	table_column(&t, CX_T("dia", "day"), false);
	table_column(&t, CX_T("grupo", "group"), false);
	table_column(&t, "", false);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *m = json_array_get(list, i), *counts = json_object_get(m, "counts");
		buf_clear(&where);
		group(m, &where);
		table_cell(&t, json_text_of(m, "kpi"));
		table_cell(&t, json_text_of(m, "measure"));
		if (counts)
			table_cellf(&t, "%lld", (long long)json_integer_value(counts));
		else
			table_cell(&t, NULL);
		table_cell(&t, json_text_of(m, "day"));
		table_cell(&t, buf_cstr(&where));
		table_cell(&t, json_object_get(m, "protected")
				       ? CX_T("protege grupos pequenos", "protects small groups")
				       : json_text_of(m, "excluded"));
	}
	table_print(&t, stdout);
	buf_free(&where);
}

static void choices(const json_t *list)
{
	if (json_array_size(list))
		title(CX_T("escolhas", "choices"));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		bool latest = strcmp(json_text_of(c, "choice"), "latest") == 0;
		printf("  %s, %s: %s %s (%s): ", json_text_of(c, "kpi"), json_text_of(c, "measure"),
			latest ? CX_T("o último de cada", "the latest of each")
			       : CX_T("o primeiro de cada", "the first of each"),
			json_text_of(c, "key"), json_text_of(c, "rank"));
		if (json_is_true(json_object_get(c, "won")))
			printf("%s\n", CX_T("é este", "this one"));
		else if (json_object_get(c, "winner"))
			printf(CX_T("é o de seq %lld\n", "the one with seq %lld\n"),
				number(c, "winner"));
		else
			printf("%s\n", CX_T("nenhum", "none"));
	}
}

static void records(const json_t *list)
{
	if (json_array_size(list))
		title(CX_T("registros", "records"));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *r = json_array_get(list, i);
		bool gone = json_is_true(json_object_get(r, "deleted"));
		printf(CX_T("  %s/%s versão %lld%s, %s, por %s\n",
			       "  %s/%s version %lld%s, %s, by %s\n"),
			json_text_of(r, "kind"), json_text_of(r, "key"), number(r, "version"),
			gone ? CX_T(" (apagado)", " (deleted)") : "", json_text_of(r, "changed"),
			json_text_of(r, "by"));
	}
}

/* Of a record, instead of an event: its versions, oldest first. */
static void versions(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i), *data = json_object_get(v, "record");
		char *text = json_dumps(data, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
		bool gone = json_is_true(json_object_get(v, "deleted"));
		printf(CX_T("versão %lld, %s, por %s", "version %lld, %s, by %s"),
			number(v, "version"), json_text_of(v, "changed"), json_text_of(v, "by"));
		if (number(v, "seq"))
			printf(CX_T(" (evento de seq %lld)", " (event of seq %lld)"),
				number(v, "seq"));
		printf("\n  %s\n", gone ? CX_T("apagado", "deleted") : text ? text : "");
		free(text);
	}
}

static void tree(const json_t *j)
{
	const json_t *by = json_object_get(j, "caused_by"), *list = json_object_get(j, "caused");
	event(json_object_get(j, "event"));
	const json_t *pending = json_object_get(j, "pending");
	for (size_t i = 0; i < json_array_size(pending); i++)
		printf(CX_T("  espera o plugin %s\n", "  waits for the plugin %s\n"),
			json_string_value(json_array_get(pending, i)));
	family(json_object_get(j, "family"));
	if (json_array_size(by))
		title(CX_T("foi emitido por", "was emitted by"));
	for (size_t i = 0; i < json_array_size(by); i++)
		outline(json_array_get(by, i), (int)i, "");
	if (json_array_size(list))
		title(CX_T("emitiu", "emitted"));
	caused(list, 0);
	timers(json_object_get(j, "timers"));
	failed(json_object_get(j, "failed"));
	records(json_object_get(j, "records"));
	measures(json_object_get(j, "measures"));
	choices(json_object_get(j, "choices"));
}

int cmd_trace(struct cli *c)
{
	struct buf path = {0}, query = {0};
	struct reply reply = {0};
	const char *source = cli_option(c, "source", 0);
	buf_puts(&path, "/v1/trace/");
	percent_encode(&path, c->args[0]);
	if (source) {
		buf_puts(&query, "source=");
		percent_encode(&query, source);
	}
	int rc = cli_get(c, buf_cstr(&path), buf_cstr(&query), &reply);
	json_t *j = rc == EXIT_DONE && !c->json ? reply_json(&reply) : NULL;
	if (rc == EXIT_DONE && c->json)
		printf("%s\n", buf_cstr(&reply.body));
	else if (json_object_get(j, "versions"))
		versions(json_object_get(j, "versions"));
	else if (j)
		tree(j);
	else if (rc == EXIT_DONE)
		rc = EXIT_REFUSED;
	json_decref(j);
	reply_free(&reply);
	buf_free(&path);
	buf_free(&query);
	return rc;
}
