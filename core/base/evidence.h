/* evidence.h — where the files of evidence are: data/evidence/ab/abcdef… once they are kept, and
 * data/drop/N while they arrive. A name is the content's SHA-256, 64 lower-case digits.
 * Callers: http/ (the front writes what arrives and reads what is asked for), engine/ (the writer
 * moves a whole file from one to the other). Pure. */
#ifndef CX_BASE_EVIDENCE_H
#define CX_BASE_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EVIDENCE_NAME = 64, EVIDENCE_MEDIA_MAX = 128, EVIDENCE_PATH_MAX = 4352 };

bool evidence_name_ok(const char *name);
/* Paths below the data folder, into EVIDENCE_PATH_MAX bytes. */
void evidence_path(char *out, const char *data, const char *name);
void evidence_folder(char *out, const char *data, const char *name); /* the one it lies in */
void evidence_drop_path(char *out, const char *data, const char *number);
/* May this be given back as a Content-Type? type/subtype, and parameters if there are any. */
bool evidence_media_ok(const char *media);

#endif
