/* files.h — whole small files and folders, for roles that read scripts and tests from disk. */
#ifndef CX_ENGINE_FILES_H
#define CX_ENGINE_FILES_H

#include "base/buf.h"
#include "base/err.h"

int file_read(const char *path, struct buf *out, struct cx_err *e);
int file_write(const char *path, const struct buf *text, struct cx_err *e);
/* Paths of DIR's entries that end in suffix, sorted; freed with files_free(). A missing DIR has
 * none. */
int files_list(const char *dir, const char *suffix, char ***paths);
void files_free(char **paths, int n);
void folder_remove(const char *dir); /* with everything in it */

#endif
