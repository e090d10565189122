/* The choice of the posted series, taken out of QEMU: what it needs of glib, QEMU and KVM, and a main function. */
#define _GNU_SOURCE
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define BITS_PER_LONG (8 * sizeof(long))
#define BITS_PER_BYTE 8
#define BIT(n) (1ul << (n))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define ROUND_UP(n, d) (((n) + (d) - 1) / (d) * (d))

static void free_one(void *at) { free(*(void **)at); }
#define g_autofree __attribute__((cleanup(free_one)))
#define g_malloc malloc
#define g_realloc realloc

static char *g_build_filename(const char *one, const char *other, void *end) {
    char *path = NULL;
    (void)end;
    return asprintf(&path, "%s/%s", one, other) < 0 ? NULL : path;
}

static unsigned long *bitmap_new(unsigned long bits) { return calloc(bits / BITS_PER_LONG + 1, sizeof(long)); }
static bool bit(const unsigned long *map, unsigned long at) { return map[at / BITS_PER_LONG] >> (at % BITS_PER_LONG) & 1; }
static void bitmap_clear(unsigned long *map, unsigned long from, unsigned long count) {
    for (unsigned long at = from; at < from + count; at++) map[at / BITS_PER_LONG] &= ~BIT(at % BITS_PER_LONG);
}
static void bitmap_set(unsigned long *map, unsigned long from, unsigned long count) {
    for (unsigned long at = from; at < from + count; at++) map[at / BITS_PER_LONG] |= BIT(at % BITS_PER_LONG);
}
static bool bitmap_andnot(unsigned long *to, const unsigned long *one, const unsigned long *other, unsigned long bits) {
    bool any = false;
    for (unsigned long at = 0; at < bits; at++) {
        bool is = bit(one, at) && !bit(other, at);
        any |= is;
        if (is) bitmap_set(to, at, 1); else bitmap_clear(to, at, 1);
    }
    return any;
}
static bool bitmap_intersects(const unsigned long *one, const unsigned long *other, unsigned long bits) {
    for (unsigned long at = 0; at < bits; at++) if (bit(one, at) && bit(other, at)) return true;
    return false;
}

static int qemu_strtoul(const char *text, const char **end, int base, unsigned long *result) {
    char *stop;
    errno = 0;
    *result = strtoul(text, &stop, base);
    if (end) *end = stop;
    if (stop == text) return -EINVAL;
    return errno == ERANGE ? -ERANGE : 0;
}

/* What KVM answers. */
enum { KVM_CAP_ARM_PMU_V3, KVM_ARM_VCPU_PMU_V3, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_SET_PMU, KVM_ARM_VCPU_PMU_V3_FIXED_COUNTERS_ONLY };
struct kvm_vcpu_init { unsigned target; unsigned features[7]; };
static int kvm_state;
static bool has_pmu, makes_vcpu, has_set_pmu, has_fixed;
static bool kvm_check_extension(int state, int capability) { (void)state; (void)capability; return has_pmu; }
static bool kvm_arm_create_scratch_host_vcpu(void *none, int *fds, struct kvm_vcpu_init *init) {
    (void)none; (void)init; memset(fds, 0, 3 * sizeof *fds); return makes_vcpu;
}
static void kvm_arm_destroy_scratch_host_vcpu(int *fds) { (void)fds; }
static bool kvm_device_check_attr(int fd, int group, int attribute) {
    (void)fd; (void)group; return attribute == KVM_ARM_VCPU_PMU_V3_SET_PMU ? has_set_pmu : has_fixed;
}

typedef enum PMU { PMU_UNSET, PMU_NONE, PMU_DEFAULT, PMU_EVENT_SOURCE, PMU_FIXED_COUNTERS_ONLY } PMU;

/* CHOICE */

/* FOLDER PMU BACKCOMPAT CAPABILITY VCPU SET_PMU FIXED: /sys of the host is FOLDER/sys. */
int main(int argc, char **argv) {
    static const char *names[] = { "unset", "none", "default", "event-source", "fixed-counters-only" };
    uint32_t type = 0;
    if (argc != 8 || chdir(argv[1])) return 2;
    has_pmu = *argv[4] == '1', makes_vcpu = *argv[5] == '1', has_set_pmu = *argv[6] == '1', has_fixed = *argv[7] == '1';
    PMU pmu = choose_pmu(&type, strtoull(argv[2], NULL, 10), *argv[3] == '1');
    printf(pmu == PMU_EVENT_SOURCE ? "%s %u\n" : "%s\n", names[pmu], type);
    return (kvm_state + bitmap_intersects(NULL, NULL, 0)) * 0;
}
