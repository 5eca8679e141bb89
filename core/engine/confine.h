/* confine.h — what an engine process may still reach once it has started, whatever its Lua finds a
 * way to do: the data folder, and read-only the given folders and the time zones; no sockets, no
 * exec, no other process.
 * Flow:   writer and readers call it after their files are known and before any plugin code runs.
 * Landlock (where the kernel has it; not truncate(2), which seccomp denies) and libseccomp.
 * Errors: none that stop the engine: what the kernel lacks is logged once as a warning. */
#ifndef CX_ENGINE_CONFINE_H
#define CX_ENGINE_CONFINE_H

/* writable and readable: NULL-terminated folders; those that do not exist are left out. */
void confine(const char *const *writable, const char *const *readable);

#endif
