/*
 * Loaded into the server by LD_PRELOAD (tests/faults/crashes.rs): when the server looks at a file of a certain name, the thread
 * that looks does what no module should. So the server itself needs no code that can break it.
 *
 *   crash-KIND        ends the thread's process: segv, bus, ill, fpe, abrt, sys, stack (overflow), kill; thread: another
 *                     thread does it, which has nothing to do with the request
 *   scribble-own      writes random numbers to the process's own pages of the scoreboard, 10,000 times over some seconds; the pid
 *                     in the environment's STRANGER is among them
 *   scribble-all      writes to the pages that it may only read
 *   peek              reads the file that the environment's PEEK names, and tells on standard error how that went
 *   seal              makes system calls that no server needs, and tells how they went
 *
 * A look-up of a host's name crashes where the environment has CRASH_NAMES. With OLD_KERNEL in it the kernel has neither filters for
 * system calls nor Landlock.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile int zero, ones = 11;

static void own_signal(int number)
{
    raise(number);
}

static int deeper(volatile char *above)
{
    volatile char here[4096];
    here[0] = above ? (char)(above[0] + 1) : 0;
    return deeper(here) + here[0];
}

static void *fall(void *nothing)
{
    *(volatile int *)(uintptr_t)zero = 1;
    return nothing;
}

static void crash(const char *kind)
{
    pthread_t other;
    if (strcmp(kind, "segv") == 0)
        *(volatile int *)(uintptr_t)zero = 1;
    else if (strcmp(kind, "ill") == 0)
        __builtin_trap();
    else if (strcmp(kind, "fpe") == 0)
        zero = ones / zero;
    else if (strcmp(kind, "abrt") == 0)
        abort();
    else if (strcmp(kind, "bus") == 0)
        own_signal(SIGBUS);
    else if (strcmp(kind, "sys") == 0)
        own_signal(SIGSYS);
    else if (strcmp(kind, "stack") == 0)
        zero = deeper(NULL);
    else if (strcmp(kind, "thread") == 0 && pthread_create(&other, NULL, fall, NULL) == 0)
        pthread_join(other, NULL);
    else if (strcmp(kind, "kill") == 0)
        kill(getpid(), SIGKILL);
}

/* Numbers that are the same in each run (SplitMix64). */
static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* One of them, such as might mean something: any number, a small one (a count, a state), or a pid that is none of the server's. */
static uint64_t number(uint64_t *state)
{
    const char *stranger = getenv("STRANGER");
    uint64_t any = next(state);
    switch (any % 4) {
    case 0:
        return stranger ? strtoull(stranger, NULL, 10) : 1;
    case 1:
        return any / 4 % 32;
    default:
        return any;
    }
}

/* Writes so many numbers to the scoreboard's pages that this process has with these rights, with pauses. */
static void scribble(const char *rights, int times)
{
    static int done;
    char line[512];
    uint64_t state = 4711;
    /* Once: the server may look at one file several times. */
    FILE *maps = done++ ? NULL : fopen("/proc/self/maps", "re");
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        char found[8];
        int i;
        if (!strstr(line, "memfd:scoreboard") || sscanf(line, "%lx-%lx %7s", &from, &to, found) != 3
            || strncmp(found, rights, 2) != 0)
            continue;
        for (i = 0; i < times; i++) {
            uint64_t *words = (uint64_t *)from;
            words[next(&state) % ((to - from) / 8)] = number(&state);
            if (i % 25 == 0)
                usleep(10000);
        }
    }
    if (maps)
        fclose(maps);
}

static void peek(void)
{
    const char *name = getenv("PEEK");
    char byte = 0;
    int from = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (from >= 0 && read(from, &byte, 1) == 1)
        dprintf(2, "peek: read\n");
    else
        dprintf(2, "peek: %s\n", strerror(errno));
    if (from >= 0)
        close(from);
}

static void try(const char *name, long number, long argument)
{
    long result = syscall(number, argument, 0, 0, 0, 0, 0);
    dprintf(2, "seal: %s %s\n", name, result == -1 ? strerror(errno) : "done");
}

static void seal(void)
{
    try("unshare", SYS_unshare, 0x10000000 /* CLONE_NEWUSER */);
    try("ptrace", SYS_ptrace, 0 /* PTRACE_TRACEME */);
    try("bpf", SYS_bpf, 0);
    try("keyctl", SYS_keyctl, 0);
    try("mount", SYS_mount, 0);
    try("getppid", SYS_getppid, 0);
}

static void look(const char *path)
{
    const char *name = path ? strrchr(path, '/') : NULL;
    name = name ? name + 1 : path;
    if (!name)
        return;
    if (strncmp(name, "crash-", 6) == 0)
        crash(name + 6);
    else if (strcmp(name, "scribble-own") == 0)
        scribble("rw", 10000);
    else if (strcmp(name, "scribble-all") == 0)
        scribble("r-", 1);
    else if (strcmp(name, "peek") == 0)
        peek();
    else if (strcmp(name, "seal") == 0)
        seal();
}


int statx(int folder, const char *restrict path, int flags, unsigned mask, struct statx *restrict to)
{
    static int (*real)(int, const char *, int, unsigned, struct statx *);
    if (!real)
        real = (int (*)(int, const char *, int, unsigned, struct statx *))dlsym(RTLD_NEXT, "statx");
    look(path);
    return real(folder, path, flags, mask, to);
}

int open64(const char *path, int flags, ...)
{
    static int (*real)(const char *, int, ...);
    va_list more;
    mode_t mode;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
    if (!real)
        real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
    look(path);
    return real(path, flags, mode);
}

int getnameinfo(const struct sockaddr *restrict address, socklen_t length, char *restrict host, socklen_t host_length,
                char *restrict service, socklen_t service_length, int flags)
{
    static int (*real)(const struct sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int);
    if (getenv("CRASH_NAMES"))
        crash("segv");
    if (!real)
        real = (int (*)(const struct sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int))
            dlsym(RTLD_NEXT, "getnameinfo");
    return real(address, length, host, host_length, service, service_length, flags);
}

long syscall(long number, ...)
{
    static long (*real)(long, ...);
    long arguments[6];
    va_list more;
    int i;
    va_start(more, number);
    for (i = 0; i < 6; i++)
        arguments[i] = va_arg(more, long);
    va_end(more);
    if (!real)
        real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    if (getenv("OLD_KERNEL")
        && (number == SYS_seccomp || number == SYS_landlock_create_ruleset || number == SYS_landlock_restrict_self)) {
        errno = ENOSYS;
        return -1;
    }
    return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}
