/*
 * kvm-shim.so, preloaded into QEMU: makes KVM answer as a different kernel would where a guest's PMU backend is
 * chosen, and logs what QEMU queries and sets. It overrides ioctl() and passes on all calls that it does not know.
 *
 * VPMU_KVM_SHIM holds words separated by spaces:
 *	hide-pmu-v3		no KVM_CAP_ARM_PMU_V3, and no vCPU with that feature
 *	no-pmu-vcpu		the capability is there, but vCPUs with the feature cannot be made
 *	hide-set-pmu		no KVM_ARM_VCPU_PMU_V3_SET_PMU
 *	set-pmu-errno=N		SET_PMU is there, and fails with errno N
 *	fixed-counters-only	attribute 5 is there and can be set (to nothing but in the log)
 *	types=T:R,T:R		SET_PMU knows the event source types T and no others; the kernel is given R for T
 * VPMU_KVM_SHIM_LOG names the file that lines are appended to:
 *	has-attribute A ERRNO | set-attribute A VALUE ERRNO | check-extension pmu-v3 RESULT
 *
 * From the C library it needs only getenv and __errno_location, resolved at load time, so it can be built without one.
 */
#define VPMU_LIBRARY
#include "common/kvm.h"

/* Records which file descriptors are vCPUs: devices such as the GIC have their own group 0. */
static char is_vcpu[4096];

static void note_vcpu(long fd, char is)
{
	if (fd >= 0 && fd < (long)sizeof(is_vcpu))
		is_vcpu[fd] = is;
}

extern char *getenv(const char *name);
extern int *__errno_location(void);

/* Finds `word` among the words of the configuration. Returns what follows it there, or a null pointer. */
static const char *configured(const char *word)
{
	const char *at = getenv("VPMU_KVM_SHIM");

	while (at && *at) {
		const char *w = word;

		while (*w && *at == *w) {
			at++;
			w++;
		}
		if (!*w && (!*at || *at == ' ' || w[-1] == '='))
			return at;
		while (*at && *at != ' ')
			at++;
		while (*at == ' ')
			at++;
	}
	return 0;
}

static const char *number_at(const char *at, u64 *value)
{
	for (*value = 0; *at >= '0' && *at <= '9'; at++)
		*value = *value * 10 + (*at - '0');
	return at;
}

struct text { char bytes[160]; u32 used; };

static void add(struct text *text, const char *word)
{
	while (*word && text->used < sizeof(text->bytes))
		text->bytes[text->used++] = *word++;
}

static void add_number(struct text *text, u64 value)
{
	char digits[21] = { 0 };

	add(text, " ");
	add(text, number_before(digits + 20, value));
}

/* Appends with one write per line, so that lines of several threads do not mix. */
static void record(const char *what, u64 first, const u64 *second, long result)
{
	const char *path = getenv("VPMU_KVM_SHIM_LOG");
	struct text text;
	long fd;

	if (!path)
		return;
	text.used = 0;
	add(&text, what);
	add_number(&text, first);
	if (second)
		add_number(&text, *second);
	add_number(&text, errno_of(result));
	add(&text, "\n");
	fd = SYS(openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	SYS(write, fd, text.bytes, text.used);
	SYS(close, fd);
}

static long pass(int fd, u64 request, void *argument)
{
	return SYS(ioctl, fd, request, argument);
}

static long has_attribute(int fd, struct device_attr *attr)
{
	if (attr->attr == KVM_ARM_VCPU_PMU_V3_SET_PMU && configured("hide-set-pmu"))
		return -ENXIO;
	if (attr->attr == KVM_ARM_VCPU_PMU_V3_FIXED_COUNTERS_ONLY && configured("fixed-counters-only"))
		return 0;
	return pass(fd, KVM_HAS_DEVICE_ATTR, attr);
}

static long set_pmu(int fd, struct device_attr *attr)
{
	const char *at;
	u64 type, real;

	if (configured("hide-set-pmu"))
		return -ENXIO;
	at = configured("set-pmu-errno=");
	if (at) {
		number_at(at, &type);
		return -(long)type;
	}
	for (at = configured("types="); at && *at >= '0' && *at <= '9';) {
		at = number_at(at, &type);
		if (*at != ':')
			return -EINVAL;
		at = number_at(at + 1, &real);
		if (type == *(u32 *)attr->addr) {
			u32 given = (u32)real;
			struct device_attr other = *attr;

			other.addr = (u64)&given;
			return pass(fd, KVM_SET_DEVICE_ATTR, &other);
		}
		if (*at == ',')
			at++;
	}
	return configured("types=") ? -ENXIO : pass(fd, KVM_SET_DEVICE_ATTR, attr);
}

static long set_attribute(int fd, struct device_attr *attr)
{
	u64 value = 0;
	long result;

	if (attr->attr == KVM_ARM_VCPU_PMU_V3_SET_PMU) {
		value = attr->addr ? *(u32 *)attr->addr : 0;
		result = set_pmu(fd, attr);
	} else if (attr->attr == KVM_ARM_VCPU_PMU_V3_FIXED_COUNTERS_ONLY && configured("fixed-counters-only")) {
		result = 0;
	} else {
		return pass(fd, KVM_SET_DEVICE_ATTR, attr);
	}
	record("set-attribute", attr->attr, &value, result);
	return result;
}

static int pmu_of_vcpu(int fd, const struct device_attr *attr)
{
	return attr->group == KVM_ARM_VCPU_PMU_V3_CTRL && fd >= 0 && fd < (int)sizeof(is_vcpu) && is_vcpu[fd];
}

static long answer(int fd, u64 request, void *argument)
{
	struct device_attr *attr = argument;
	long result;

	switch (request) {
	case KVM_CHECK_EXTENSION:
		if ((u64)argument != KVM_CAP_ARM_PMU_V3)
			break;
		result = configured("hide-pmu-v3") ? 0 : pass(fd, request, argument);
		record("check-extension", KVM_CAP_ARM_PMU_V3, 0, -result);
		return result;
	case KVM_CREATE_VCPU:
		result = pass(fd, request, argument);
		note_vcpu(result, 1);
		return result;
	case KVM_CREATE_DEVICE:
		result = pass(fd, request, argument);
		if (result >= 0)
			note_vcpu(((struct create_device *)argument)->fd, 0);
		return result;
	case KVM_ARM_VCPU_INIT:
		if ((configured("hide-pmu-v3") || configured("no-pmu-vcpu")) &&
		    ((struct vcpu_init *)argument)->features[0] & 1 << KVM_ARM_VCPU_PMU_V3)
			return -EINVAL;
		break;
	case KVM_HAS_DEVICE_ATTR:
		if (!pmu_of_vcpu(fd, attr))
			break;
		result = has_attribute(fd, attr);
		record("has-attribute", attr->attr, 0, result);
		return result;
	case KVM_SET_DEVICE_ATTR:
		if (!pmu_of_vcpu(fd, attr))
			break;
		return set_attribute(fd, attr);
	}
	return pass(fd, request, argument);
}

/* Sets errno as the C library does. */
int ioctl(int fd, u64 request, void *argument)
{
	long result = answer(fd, request, argument);

	if (result < 0 && result > -4096) {
		*__errno_location() = (int)-result;
		return -1;
	}
	return (int)result;
}
