/*
 * Linux system calls without a C library, for aarch64 (the guest) and x86-64 (tests on the developer's machine).
 *
 * A program that includes this defines start(), its entry point. A library defines VPMU_LIBRARY first and gets only the
 * system calls, so that it does not override its user's memcpy.
 */
#ifndef VPMU_SYS_H
#define VPMU_SYS_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long i64;

#if defined(__aarch64__)
enum {
	SYS_fcntl = 25, SYS_ioctl = 29, SYS_mkdirat = 34, SYS_unlinkat = 35, SYS_mount = 40, SYS_chdir = 49, SYS_fchmod = 52,
	SYS_openat = 56, SYS_close = 57, SYS_pipe2 = 59, SYS_getdents64 = 61, SYS_lseek = 62, SYS_read = 63, SYS_write = 64, SYS_ppoll = 73,
	SYS_signalfd4 = 74, SYS_exit = 93, SYS_exit_group = 94, SYS_futex = 98, SYS_clock_gettime = 113, SYS_kill = 129,
	SYS_rt_sigprocmask = 135, SYS_setsid = 157, SYS_prctl = 167, SYS_getpid = 172, SYS_getppid = 173, SYS_munmap = 215,
	SYS_clone = 220, SYS_execve = 221, SYS_mmap = 222, SYS_madvise = 233, SYS_wait4 = 260, SYS_renameat2 = 276, SYS_dup3 = 24, SYS_ptrace = 117,
	SYS_sched_setaffinity = 122, SYS_sched_getaffinity = 123, SYS_setitimer = 103, SYS_rt_sigtimedwait = 137,
};
static inline i64 syscall6(i64 n, i64 a, i64 b, i64 c, i64 d, i64 e, i64 f)
{
	register i64 x8 asm("x8") = n;
	register i64 x0 asm("x0") = a;
	register i64 x1 asm("x1") = b;
	register i64 x2 asm("x2") = c;
	register i64 x3 asm("x3") = d;
	register i64 x4 asm("x4") = e;
	register i64 x5 asm("x5") = f;
	asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}
#define ENTRY "mov x29, #0\n\tmov x30, #0\n\tmov x0, sp\n\tbl start\n\tbrk #1\n"
#elif defined(__x86_64__)
enum {
	SYS_fcntl = 72, SYS_ioctl = 16, SYS_mkdirat = 258, SYS_unlinkat = 263, SYS_mount = 165, SYS_chdir = 80, SYS_fchmod = 91,
	SYS_openat = 257, SYS_close = 3, SYS_pipe2 = 293, SYS_getdents64 = 217, SYS_lseek = 8, SYS_read = 0, SYS_write = 1, SYS_ppoll = 271,
	SYS_signalfd4 = 289, SYS_exit = 60, SYS_exit_group = 231, SYS_futex = 202, SYS_clock_gettime = 228, SYS_kill = 62,
	SYS_rt_sigprocmask = 14, SYS_setsid = 112, SYS_prctl = 157, SYS_getpid = 39, SYS_getppid = 110, SYS_munmap = 11,
	SYS_clone = 56, SYS_execve = 59, SYS_mmap = 9, SYS_madvise = 28, SYS_wait4 = 61, SYS_renameat2 = 316, SYS_dup3 = 292, SYS_ptrace = 101,
	SYS_sched_setaffinity = 203, SYS_sched_getaffinity = 204, SYS_setitimer = 38, SYS_rt_sigtimedwait = 128,
};
static inline i64 syscall6(i64 n, i64 a, i64 b, i64 c, i64 d, i64 e, i64 f)
{
	i64 result;
	register i64 r10 asm("r10") = d;
	register i64 r8 asm("r8") = e;
	register i64 r9 asm("r9") = f;
	asm volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		: "rcx", "r11", "memory");
	return result;
}
#define ENTRY "xor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start\n\thlt\n"
#else
#error "aarch64 or x86-64"
#endif

#define SYS(name, ...) SYS_N(name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SYS_N(name, a, b, c, d, e, f, ...) \
	syscall6(SYS_##name, (i64)(a), (i64)(b), (i64)(c), (i64)(d), (i64)(e), (i64)(f))

enum { EINTR = 4, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EINVAL = 22, EFBIG = 27, ENOENT = 2, E2BIG = 7, EIO = 5, EBUSY = 16, ENXIO = 6, EFAULT = 14 };
enum { AT_FDCWD = -100, O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_CREAT = 0100, O_EXCL = 0200, O_NOCTTY = 0400,
	O_TRUNC = 01000, O_APPEND = 02000, O_NONBLOCK = 04000, O_CLOEXEC = 02000000 };
enum { POLLIN = 1, POLLOUT = 4, POLLERR = 8, POLLHUP = 16 };
enum { SIGKILL = 9, SIGPIPE = 13, SIGALRM = 14, SIGCHLD = 17 };

struct timespec { i64 seconds, nanoseconds; };
struct pollfd { int fd; short events, revents; };

static inline u64 now_ms(void)
{
	struct timespec t;
	SYS(clock_gettime, 1 /* CLOCK_MONOTONIC */, &t);
	return (u64)t.seconds * 1000 + (u64)t.nanoseconds / 1000000;
}

#ifndef VPMU_LIBRARY
asm(".text\n.global _start\n_start:\n\t" ENTRY);

/* The compiler may generate calls to these. */
void *memcpy(void *to, const void *from, u64 size)
{
	u8 *t = to;
	const u8 *f = from;
	while (size--) *t++ = *f++;
	return to;
}
void *memmove(void *to, const void *from, u64 size)
{
	u8 *t = to;
	const u8 *f = from;
	if (t <= f) while (size--) *t++ = *f++;
	else while (size--) t[size] = f[size];
	return to;
}
void *memset(void *to, int byte, u64 size)
{
	u8 *t = to;
	while (size--) *t++ = (u8)byte;
	return to;
}
#endif

static inline u64 length_of(const char *text)
{
	u64 n = 0;
	while (text[n]) n++;
	return n;
}
static inline int starts_with(const char *text, const char *head)
{
	while (*head) if (*text++ != *head++) return 0;
	return 1;
}
static inline int same(const char *a, const char *b)
{
	return starts_with(a, b) && length_of(a) == length_of(b);
}
static inline void *map_memory(u64 size)
{
	i64 at = SYS(mmap, 0, size, 3 /* read, write */, 0x22 /* private, anonymous */, -1, 0);
	return at < 0 && at > -4096 ? 0 : (void *)at;
}
static inline u32 get32(const u8 *p) { return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24; }
static inline u32 get16(const u8 *p) { return p[0] | p[1] << 8; }
static inline void put16(u8 *p, u32 v) { p[0] = v; p[1] = v >> 8; }
static inline void put32(u8 *p, u32 v) { p[0] = v; p[1] = v >> 8; p[2] = v >> 16; p[3] = v >> 24; }

#ifndef VPMU_LIBRARY
/*
 * Runs `run(argument)` in a new process or thread on a separate stack; it exits with status 0 when `run` returns.
 * @returns what clone(2) returns to the caller
 */
i64 spawn_on(u64 flags, void *stack_top, void (*run)(void *), void *argument);
#if defined(__aarch64__)
asm(".text\n.global spawn_on\nspawn_on:\n"
	"\tstp x2, x3, [x1, #-16]!\n\tmov x2, #0\n\tmov x3, #0\n\tmov x4, #0\n\tmov x8, #220\n\tsvc #0\n\tcbz x0, 1f\n\tret\n"
	"1:\tldp x1, x0, [sp], #16\n\tmov x29, #0\n\tblr x1\n\tmov x0, #0\n\tmov x8, #93\n\tsvc #0\n\tbrk #1\n");
#else
asm(".text\n.global spawn_on\nspawn_on:\n"
	"\tsub $16, %rsi\n\tmov %rdx, (%rsi)\n\tmov %rcx, 8(%rsi)\n\txor %edx, %edx\n\txor %r10d, %r10d\n\txor %r8d, %r8d\n"
	"\tmov $56, %eax\n\tsyscall\n\ttest %rax, %rax\n\tjz 1f\n\tret\n"
	"1:\tpop %rax\n\tpop %rdi\n\txor %ebp, %ebp\n\tcall *%rax\n\txor %edi, %edi\n\tmov $60, %eax\n\tsyscall\n\thlt\n");
#endif
enum { CLONE_VM = 0x100, CLONE_VFORK = 0x4000 };
#endif

/* Writes the digits of `n` so that they end before `end`. @returns the first digit */
static inline char *number_before(char *end, u64 n)
{
	do *--end = (char)('0' + n % 10), n /= 10;
	while (n);
	return end;
}

#endif
