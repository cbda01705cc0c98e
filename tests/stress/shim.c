/* Counts what changes files below a folder, and lets one such call fail, or kills the process in its place. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[PATH_MAX];
static long count, at;
static int number; /* of the error; 0: SIGKILL */
static char what[PATH_MAX + 64];

void fault_arm(const char *below, long when, int error) {
    strncpy(root, below, sizeof root - 1);
    count = 0, at = when, number = error, what[0] = 0;
}
long fault_count(void) { return count; }
const char *fault_what(void) { return what; }

static int strikes(const char *call, const char *path) {
    if (!root[0] || strncmp(path, root, strlen(root)) || ++count != at) return 0;
    snprintf(what, sizeof what, "%s %s", call, path);
    if (!number) kill(getpid(), SIGKILL);
    errno = number;
    return 1;
}
static int strikes_fd(const char *call, int fd) {
    char link[64], path[PATH_MAX];
    if (!root[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return strikes(call, path);
}
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) {
    if (strikes_fd("write", fd)) return -1;
    return REAL(write)(fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t place) {
    if (strikes_fd("pwrite", fd)) return -1;
    return REAL(pwrite)(fd, data, size, place);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t place) {
    if (strikes_fd("pwrite64", fd)) return -1;
    return REAL(pwrite64)(fd, data, size, place);
}
int fsync(int fd) {
    if (strikes_fd("fsync", fd)) return -1;
    return REAL(fsync)(fd);
}
int ftruncate(int fd, off_t size) {
    if (strikes_fd("ftruncate", fd)) return -1;
    return REAL(ftruncate)(fd, size);
}
int truncate64(const char *path, off64_t size) {
    if (strikes("truncate", path)) return -1;
    return REAL(truncate64)(path, size);
}
int rename(const char *from, const char *to) {
    if (strikes("rename", to)) return -1;
    return REAL(rename)(from, to);
}
int mkdir(const char *path, mode_t mode) {
    if (strikes("mkdir", path)) return -1;
    return REAL(mkdir)(path, mode);
}
static int opens(const char *path, int flags) { return (flags & (O_CREAT | O_TRUNC)) && strikes("open", path); }
int open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = va_arg(list, mode_t);
    va_end(list);
    if (opens(path, flags)) return -1;
    return REAL(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = va_arg(list, mode_t);
    va_end(list);
    if (opens(path, flags)) return -1;
    return REAL(open64)(path, flags, mode);
}
