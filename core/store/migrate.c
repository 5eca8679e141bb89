#include "store/impl.h"

/* The files of schema/ in order; a new one is a new line here. Their text is in the binary. */
#define MIGRATIONS(X)                                                                              \
	X(first, "store/schema/0001_first.sql")                                                    \
	X(algebra, "store/schema/0002_algebra_and_records.sql")                                    \
	X(operation, "store/schema/0003_journeys_and_sops.sql")

#define X(name, file)                                                                              \
	__asm__(".pushsection .rodata\n"                                                           \
		".global cxd_schema_" #name "\n"                                                   \
		"cxd_schema_" #name ": .incbin \"" file "\"\n"                                     \
		".byte 0\n"                                                                        \
		".popsection");                                                                    \
	extern const char cxd_schema_##name[];
MIGRATIONS(X)
#undef X

int store_migrate(struct drv *d, enum store_mode mode, struct cx_err *e)
{
#define X(name, file) {cxd_schema_##name, file},
	static const struct {
		const char *sql, *file;
	} steps[] = {MIGRATIONS(X)};
#undef X
	int newest = (int)(sizeof steps / sizeof *steps), version;
	int rc = drv_version(d, &version, e);
	if (rc != CX_OK)
		return rc;
	if (version > newest)
		return cx_fail(e, CX_E_STORE_FAILED, NULL,
			CX_T("os dados são de uma versão mais nova do cxd (esquema %d, este "
			     "conhece até %d);"
			     " use aquela versão",
				"the data are of a newer version of cxd (schema %d, this one knows "
				"up to %d);"
				" use that version"),
			version, newest);
	if (mode == STORE_READ && version < newest)
		return cx_fail(e, CX_E_STORE_FAILED, NULL,
			CX_T("os dados têm o esquema %d, falta migrar para o %d: inicie o cxd uma "
			     "vez",
				"the data have schema %d and must become %d: start cxd once"),
			version, newest);
	for (; version < newest && rc == CX_OK; version++) {
		rc = drv_begin(d, e);
		if (rc == CX_OK)
			rc = drv_exec(d, steps[version].sql, steps[version].file, e);
		if (rc == CX_OK)
			rc = drv_set_version(d, version + 1, e);
		if (rc == CX_OK)
			rc = drv_commit(d, e);
		if (rc != CX_OK)
			drv_rollback(d);
	}
	return rc;
}
