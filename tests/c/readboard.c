/*
 * readboard - shows what a ScoreBoardFile says, a "key: value" line for each number.
 *
 *     readboard FILE
 *
 * It reads as scoreboard.h tells programs to read, and is what a monitoring program of ten minutes' work would be: C89, no
 * library, no knowledge of the server beyond the header. tests/c/main.rs compiles it and compares it with /server-status.
 * Exit codes: 0 good, 1 cannot be read, 2 another layout, 3 the server has ended.
 */
#include "scoreboard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 1000

static const char letters[] = ".S_RWKLDCGI";

/* Reads the whole file; NULL if it cannot be read. */
static char *slurp(const char *name, size_t *size)
{
    FILE *file = fopen(name, "rb");
    char *bytes = NULL;
    long end = -1;

    if (file == NULL)
        return NULL;
    if (fseek(file, 0, SEEK_END) == 0)
        end = ftell(file);
    if (end > 0 && fseek(file, 0, SEEK_SET) == 0)
        bytes = (char *)malloc((size_t)end);
    if (bytes != NULL && fread(bytes, 1, (size_t)end, file) != (size_t)end) {
        free(bytes);
        bytes = NULL;
    }
    fclose(file);
    *size = bytes != NULL ? (size_t)end : 0;
    return bytes;
}

/* Reads only the sequence number; odd if that is impossible, so that the caller tries again. */
static uint64_t sequence_of(const char *name)
{
    ap_board_header head;
    FILE *file = fopen(name, "rb");
    size_t count;

    if (file == NULL)
        return 1;
    count = fread(&head, 1, sizeof head, file);
    fclose(file);
    return count == sizeof head ? head.sequence : 1;
}

/* The header, unless the file is no scoreboard of this layout. */
static const ap_board_header *understood(const char *bytes, size_t size)
{
    const ap_board_header *head = (const ap_board_header *)bytes;
    uint64_t need;

    if (size < sizeof *head || memcmp(head->magic, AP_BOARD_MAGIC, sizeof head->magic) != 0)
        return NULL;
    if (head->layout != AP_BOARD_LAYOUT || head->header_size != sizeof(ap_board_header)
        || head->process_size != sizeof(ap_board_process) || head->worker_size != sizeof(ap_board_worker))
        return NULL;
    need = head->header_size + (uint64_t)head->process_capacity * head->process_size
        + (uint64_t)head->process_capacity * head->workers_per_process * head->worker_size;
    if (need > size || head->process_count > head->process_capacity)
        return NULL;
    return head;
}

static void show(const char *key, uint64_t value)
{
    /* C89 has no format for 64 bits; a double holds all that is compared here. */
    printf("%s: %.0f\n", key, (double)value);
}

static void show_process(const ap_board_process *process, const ap_board_worker *workers, uint32_t most)
{
    uint32_t count = process->worker_count < most ? process->worker_count : most;
    uint32_t i;

    printf("process: %lu %lu ", (unsigned long)process->pid, (unsigned long)process->slot);
    for (i = 0; i < count; i++)
        putchar(workers[i].status < SERVER_NUM_STATUS ? letters[workers[i].status] : '?');
    putchar('\n');
    for (i = 0; i < count; i++) {
        if (workers[i].accesses_process > 0) {
            printf("request: %.*s|", AP_BOARD_CLIENT_SIZE, workers[i].client);
            printf("%.*s|", AP_BOARD_VHOST_SIZE, workers[i].vhost);
            printf("%.*s\n", AP_BOARD_REQUEST_SIZE, workers[i].request);
        }
    }
}

static void show_all(const ap_board_header *head)
{
    const ap_board_process *processes = (const ap_board_process *)(head + 1);
    const ap_board_worker *workers = (const ap_board_worker *)(processes + head->process_capacity);
    uint64_t accesses = 0, connections = 0;
    uint32_t i, j;

    show("state", head->state);
    show("generation", head->generation);
    show("parent_pid", head->parent_pid);
    show("max_processes", head->max_processes);
    show("workers_per_process", head->workers_per_process);
    show("idle_workers", head->idle_workers);
    show("busy_workers", head->busy_workers);
    show("server_started", head->server_started / 1000000);
    show("total_accesses", head->total_accesses);
    show("total_kbytes", head->total_bytes / 1024);
    show("total_duration", head->total_duration / 1000);
    show("process_count", head->process_count);
    printf("mpm: %.*s\n", AP_BOARD_MPM_SIZE, head->mpm);
    printf("server: %.*s\n", AP_BOARD_SERVER_SIZE, head->server);
    for (i = 0; i < head->process_count; i++) {
        const ap_board_worker *own = workers + (size_t)i * head->workers_per_process;
        show_process(&processes[i], own, head->workers_per_process);
        connections += processes[i].connections;
        for (j = 0; j < processes[i].worker_count && j < head->workers_per_process; j++)
            accesses += own[j].accesses_process;
    }
    show("accesses_of_workers", accesses);
    show("connections", connections);
}

int main(int argc, char **argv)
{
    int tries;

    if (argc != 2) {
        fprintf(stderr, "usage: readboard FILE\n");
        return 1;
    }
    for (tries = 0; tries < TRIES; tries++) {
        size_t size;
        char *bytes = slurp(argv[1], &size);
        const ap_board_header *head;

        if (bytes == NULL)
            return 1;
        head = understood(bytes, size);
        if (head == NULL) {
            fprintf(stderr, "readboard: %s is no scoreboard of layout %d\n", argv[1], AP_BOARD_LAYOUT);
            return 2;
        }
        if (head->sequence % 2 == 0 && sequence_of(argv[1]) == head->sequence) {
            int over = head->state == AP_BOARD_OVER;
            show_all(head);
            free(bytes);
            return over ? 3 : 0;
        }
        free(bytes);
    }
    fprintf(stderr, "readboard: %s never stood still\n", argv[1]);
    return 1;
}
