#include "engine/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

#define READ_ACCESS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE_ACCESS                                                                               \
	(READ_ACCESS | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |            \
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_DIR |                      \
		LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REFER)
#define ALL_ACCESS                                                                                 \
	(WRITE_ACCESS | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |                \
		LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |                      \
		LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

static void allow(int rules, const char *folder, __u64 access)
{
	struct landlock_path_beneath_attr attr = {.allowed_access = access};
	attr.parent_fd = open(folder, O_PATH | O_CLOEXEC);
	if (attr.parent_fd < 0)
		return;
	syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &attr, 0);
	close(attr.parent_fd);
}

static void files(const char *const *writable, const char *const *readable)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = ALL_ACCESS};
	/* from its second version on (Linux 5.19) files can be moved between folders */
	int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
	if (rules < 0) {
		log_debug("this kernel has no Landlock that will do (%s): the engine is not "
			  "confined to its folders",
			strerror(errno));
		return;
	}
	for (; *writable; writable++)
		allow(rules, *writable, WRITE_ACCESS);
	for (; *readable; readable++)
		allow(rules, *readable, READ_ACCESS);
	allow(rules, "/usr/share/zoneinfo", READ_ACCESS);
	if (syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		log_warn("Landlock: %s", strerror(errno));
	close(rules);
}

static void calls(void)
{
	static const char *const denied[] = {"socket", "socketpair", "connect", "bind", "listen",
		"accept", "accept4", "sendto", "sendmsg", "execve", "execveat", "fork", "vfork",
		"ptrace", "process_vm_readv", "process_vm_writev", "truncate", "chmod", "fchmodat",
		"chown", "fchownat", "lchown", "utime", "utimes", "utimensat", "mount", "umount2",
		"symlink", "symlinkat", "link", "linkat", "mknod", "mknodat", "kill", "tkill",
		"bpf", "perf_event_open", "init_module", "finit_module", "keyctl", "add_key",
		"io_uring_setup"};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int rc = ctx ? 0 : -ENOMEM;
	for (size_t i = 0; i < sizeof denied / sizeof *denied && rc == 0; i++) {
		int nr = seccomp_syscall_resolve_name(denied[i]);
		if (nr != __NR_SCMP_ERROR)
			rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0);
	}
	if (rc == 0)
		rc = seccomp_load(ctx);
	if (rc != 0)
		log_warn("seccomp: %s", strerror(-rc));
	if (ctx)
		seccomp_release(ctx);
}

void confine(const char *const *writable, const char *const *readable)
{
#ifdef __SANITIZE_ADDRESS__
	(void)writable; /* the sanitizer's own reports and leak check need these calls */
	(void)readable;
	(void)files;
	(void)calls;
#else
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	files(writable, readable);
	calls();
#endif
}
