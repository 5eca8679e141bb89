#include "lua/runtime.h"

#include <stdint.h>
#include <string.h>

/* The assembler reads the files, relative to the folder make runs in (the repository's root). */
#define X(name)                                                                                    \
	__asm__(".section .rodata\n"                                                               \
		".global runtime_" #name "_text\n"                                                 \
		"runtime_" #name "_text:\n"                                                        \
		".incbin \"core/lua/runtime/" #name ".lua\"\n"                                     \
		"runtime_" #name "_end:\n"                                                         \
		".byte 0\n"                                                                        \
		".balign 8\n"                                                                      \
		".global runtime_" #name "_len\n"                                                  \
		"runtime_" #name "_len:\n"                                                         \
		".quad runtime_" #name "_end - runtime_" #name "_text\n"                           \
		".previous\n");                                                                    \
	extern const char runtime_##name##_text[];                                                 \
	extern const uint64_t runtime_##name##_len;
#include "lua/runtime.def"
#undef X

const char *runtime_text(const char *name, size_t *len)
{
#define X(file)                                                                                    \
	if (strcmp(name, #file) == 0) {                                                            \
		*len = (size_t)runtime_##file##_len;                                               \
		return runtime_##file##_text;                                                      \
	}
#include "lua/runtime.def"
#undef X
	return NULL;
}
