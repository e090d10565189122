/*
 * Programs with known instruction counts, to check counters against.
 *
 *   workload loop N          4 instructions (1 branch) per turn
 *   workload branches N      6 instructions, of which 4 branches, per turn
 *   workload loads N         6 instructions, of which 4 loads, per turn
 *   workload stores N        6 instructions, of which 4 stores, per turn
 *   workload syscalls N      4 instructions and 1 system call (getppid) per turn
 *   workload faults N        4 instructions, 1 store and 1 page fault per turn: touches N fresh pages
 *   workload threads N T     T threads (1 to 64) that do `loop N` each, at the same time
 *   workload steps WORKLOAD N [T]   runs another one by single steps and says how many instructions it took
 *
 * The inner loops are assembly. The code around them is constant except for the number of digits of N. The exact
 * figures are in src/guest/workloads.ts, measured by `steps`. Prints one line when done. No C library.
 */
#include "../common/sys.h"

#if defined(__aarch64__)
enum { PC_REGISTER = 32 };
#define TURNS(body, clobbers...) \
	asm volatile("1:\n" body "subs %0, %0, #1\n\tb.ne 1b\n" : "+r"(n) : [at] "r"(at) : "cc", "memory", ##clobbers)
static void run_loop(u64 n, void *at) { TURNS("add x9, x9, #1\n\teor x10, x10, x9\n\t", "x9", "x10"); }
static void run_branches(u64 n, void *at) { TURNS("nop\n\tb 2f\n2:\tb 3f\n3:\tb 4f\n4:\t"); }
static void run_loads(u64 n, void *at)
{
	TURNS("ldr x9, [%[at]]\n\tldr x10, [%[at], #8]\n\tldr x11, [%[at], #16]\n\tldr x12, [%[at], #24]\n\t", "x9", "x10", "x11", "x12");
}
static void run_stores(u64 n, void *at)
{
	TURNS("str xzr, [%[at]]\n\tstr xzr, [%[at], #8]\n\tstr xzr, [%[at], #16]\n\tstr xzr, [%[at], #24]\n\t");
}
static void run_syscalls(u64 n, void *at) { TURNS("mov x8, #173\n\tsvc #0\n\t", "x0", "x8"); }
static void touch_pages(u64 n, u8 *at, u64 size)
{
	asm volatile("1:\n\tstrb wzr, [%1]\n\tadd %1, %1, %2\n\tsubs %0, %0, #1\n\tb.ne 1b\n" : "+r"(n), "+r"(at) : "r"(size) : "cc", "memory");
}
#else
/* For testing the rest of the program on the developer's machine; counts differ. */
enum { PC_REGISTER = 16 };
#define TURNS(body, clobbers...) \
	asm volatile("1:\n" body "dec %0\n\tjnz 1b\n" : "+r"(n) : [at] "r"(at) : "cc", "memory", ##clobbers)
static void run_loop(u64 n, void *at) { TURNS("inc %%r9\n\txor %%r9, %%r10\n\t", "r9", "r10"); }
static void run_branches(u64 n, void *at) { TURNS("nop\n\tjmp 2f\n2:\tjmp 3f\n3:\tjmp 4f\n4:\t"); }
static void run_loads(u64 n, void *at) { TURNS("mov (%[at]), %%r9\n\tmov 8(%[at]), %%r9\n\tmov 16(%[at]), %%r9\n\tmov 24(%[at]), %%r9\n\t", "r9"); }
static void run_stores(u64 n, void *at) { TURNS("mov %%r9, (%[at])\n\tmov %%r9, 8(%[at])\n\tmov %%r9, 16(%[at])\n\tmov %%r9, 24(%[at])\n\t"); }
static void run_syscalls(u64 n, void *at) { TURNS("mov $110, %%eax\n\tsyscall\n\t", "rax", "rcx", "r11"); }
static void touch_pages(u64 n, u8 *at, u64 size) { while (n--) *(volatile u8 *)at = 0, at += size; }
#endif

enum { THREADS = 64, STACK = 16384, CLONE_THREAD_FLAGS = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 };

static u64 memory[8] __attribute__((aligned(64)));
static u64 page_size, turns;
static u32 running;

static char line[256];
static u32 line_size;

static void append(const char *text)
{
	for (; *text && line_size < sizeof line; text++) line[line_size++] = *text;
}

/* Ends the line and writes it in one call: each write is a separate message to the host. */
static void say(int fd)
{
	append("\n");
	SYS(write, fd, line, line_size);
}

static __attribute__((noreturn)) void fail(const char *why)
{
	line_size = 0;
	append("workload: ");
	append(why);
	say(2);
	SYS(exit_group, 2);
	__builtin_unreachable();
}

/* 1 to 2^63: the loops test at their end, so zero turns are impossible. */
static u64 number(const char *text)
{
	u64 n = 0;
	const char *c = text;
	for (; *c; c++) {
		if (*c < '0' || *c > '9' || c - text > 17) fail("a number from 1 to 10^18-1 is needed");
		n = n * 10 + (u64)(*c - '0');
	}
	if (n == 0) fail("a number from 1 to 10^18-1 is needed");
	return n;
}

static void run_faults(u64 n)
{
	u8 *pages = map_memory(n * page_size);
	if (!pages) fail("not enough memory for so many pages");
	SYS(madvise, pages, n * page_size, 15 /* MADV_NOHUGEPAGE: one fault a page */);
	touch_pages(n, pages, page_size);
}

static void one_thread(void *unused)
{
	(void)unused;
	run_loop(turns, memory);
	if (__atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST) == 0) SYS(futex, &running, 1 /* FUTEX_WAKE */, 1);
}

static void run_threads(u64 n, u64 count)
{
	if (count < 1 || count > THREADS) fail("1 to 64 threads");
	u8 *stacks = map_memory(count * STACK);
	if (!stacks) fail("not enough memory for the stacks");
	turns = n;
	running = (u32)count;
	for (u64 i = 0; i < count; i++)
		if (spawn_on(CLONE_THREAD_FLAGS, stacks + (i + 1) * STACK, one_thread, 0) < 0) fail("cannot start a thread");
	for (u32 left; (left = __atomic_load_n(&running, __ATOMIC_SEQ_CST)) != 0;)
		SYS(futex, &running, 0 /* FUTEX_WAIT */, left, 0);
}

static void traced(void *argument)
{
	char **argv = argument, *no_environment[] = { 0 };
	SYS(ptrace, 0 /* PTRACE_TRACEME */);
	SYS(execve, "/proc/self/exe", argv, no_environment);
	SYS(exit_group, 3);
}

/*
 * Counts the instructions of another run by single steps, from its first one to its exit. On arm64, a step after a system
 * call stops twice at the same address, so only a new address counts as an instruction.
 */
static void run_steps(char **argv)
{
	static u64 registers[64];
	struct { void *base; u64 size; } into = { registers, sizeof registers };
	u8 *stack = map_memory(65536);
	u64 steps = 1 /* the exit, which never stops */, last = 0;
	int status = 0;
	i64 pid = stack ? spawn_on(SIGCHLD, stack + 65536, traced, argv) : -1;
	if (pid < 0) fail("cannot fork");
	/* The first stop is that of execve, before the first instruction. */
	while (SYS(wait4, pid, &status, 0, 0) == pid && (status & 0xff) == 0x7f) {
		if ((status >> 8 & 0xff) != 5 /* SIGTRAP */) fail("it was stopped by a signal");
		into.size = sizeof registers;
		if (SYS(ptrace, 0x4204 /* PTRACE_GETREGSET */, pid, 1 /* NT_PRSTATUS */, &into) < 0) fail("cannot read its registers");
		u64 at = registers[PC_REGISTER];
		if (last && at != last) steps++;
		last = at;
		if (SYS(ptrace, 9 /* PTRACE_SINGLESTEP */, pid, 0, 0) < 0) fail("cannot single-step");
	}
	if (status != 0) fail("what was stepped through failed");
	char digits[24], *end = digits + sizeof digits - 1;
	*end = 0;
	append("vpmu-workload steps ");
	append(number_before(end, steps));
	say(1);
	SYS(exit_group, 0);
}

__attribute__((used, noreturn)) void start(u64 *stack)
{
	u64 argc = stack[0];
	char **argv = (char **)(stack + 1);
	if (argc < 3) fail("usage: workload loop|branches|loads|stores|syscalls|faults N, threads N T, steps WORKLOAD N");
	const char *name = argv[1];
	if (same(name, "steps")) run_steps(argv + 1);
	u64 n = number(argv[2]);
	if (same(name, "loop")) run_loop(n, memory);
	else if (same(name, "branches")) run_branches(n, memory);
	else if (same(name, "loads")) run_loads(n, memory);
	else if (same(name, "stores")) run_stores(n, memory);
	else if (same(name, "syscalls")) run_syscalls(n, memory);
	else if (same(name, "faults")) {
		u64 *aux = stack + 1 + argc + 1;
		while (*aux) aux++;
		for (aux++; aux[0]; aux += 2) if (aux[0] == 6 /* AT_PAGESZ */) page_size = aux[1];
		run_faults(n);
	} else if (same(name, "threads")) run_threads(n, argc > 3 ? number(argv[3]) : 2);
	else fail("no such workload");
	append("vpmu-workload ");
	append(name);
	append(" ");
	append(argv[2]);
	append(" done");
	say(1);
	SYS(exit_group, 0);
	__builtin_unreachable();
}
