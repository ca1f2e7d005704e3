/*
 * scoreboard.h - the states of a worker, and the layout of the file that ScoreBoardFile names.
 *
 * The file is a published view for monitoring programs. The server writes it about once a second and never reads it, so
 * nothing that is written to it changes what the server does. It has three parts without gaps between them:
 *
 *     one   struct ap_board_header
 *     header.process_capacity times                               struct ap_board_process
 *     header.process_capacity * header.workers_per_process times  struct ap_board_worker
 *
 * The first header.process_count process records are in use, in no promised order. The workers of process record number p
 * begin at worker record number p * header.workers_per_process; the first process[p].worker_count of them exist.
 *
 * How to read it: map or read the file; check magic, layout and the three sizes; read header.sequence, and begin anew if it
 * is odd (a write is under way); copy what is wanted; read header.sequence again, and begin anew if it has changed. When
 * header.state is AP_BOARD_OVER the server has ended or has begun a larger file under the same name: open it anew.
 *
 * All numbers are in the byte order of the machine. All times are microseconds since 1970-01-01 00:00 UTC, 0 for never. All
 * durations are microseconds. Texts end with a zero byte and are cut where they do not fit.
 *
 * Clean as C89 and as C++; only the types of exact width come from <stdint.h>.
 */
#ifndef SCOREBOARD_H
#define SCOREBOARD_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- States of a worker, with the letter that mod_status draws --------------------------------------------------------- */

#define SERVER_DEAD 0           /* . a place without a worker */
#define SERVER_STARTING 1       /* S comes up */
#define SERVER_READY 2          /* _ waits for work */
#define SERVER_BUSY_READ 3      /* R reads a request */
#define SERVER_BUSY_WRITE 4     /* W handles a request or sends the response */
#define SERVER_BUSY_KEEPALIVE 5 /* K waits for the next request of its connection */
#define SERVER_BUSY_LOG 6       /* L writes a log */
#define SERVER_BUSY_DNS 7       /* D looks a name up */
#define SERVER_CLOSING 8        /* C closes its connection */
#define SERVER_GRACEFUL 9       /* G finishes what it has and takes no more */
#define SERVER_IDLE_KILL 10     /* I was told to go because it was idle */
#define SERVER_NUM_STATUS 11    /* how many states there are */

/* --- The file ---------------------------------------------------------------------------------------------------------- */

/* header.magic: these seven letters and the closing zero. */
#define AP_BOARD_MAGIC "httpdsb"

/* header.layout: grows when the meaning or the place of anything here changes. */
#define AP_BOARD_LAYOUT 1

/* header.state */
#define AP_BOARD_STARTING 0 /* no child is ready yet */
#define AP_BOARD_RUNNING 1  /* serves */
#define AP_BOARD_STOPPING 2 /* was told to stop */
#define AP_BOARD_OVER 3     /* this file is not written any more */

/* Bytes of the texts, the closing zero included. */
#define AP_BOARD_MPM_SIZE 32
#define AP_BOARD_SERVER_SIZE 72
#define AP_BOARD_CLIENT_SIZE 64
#define AP_BOARD_REQUEST_SIZE 64
#define AP_BOARD_VHOST_SIZE 32
#define AP_BOARD_PROTOCOL_SIZE 16

/* The head of the file, 256 bytes. */
typedef struct ap_board_header {
    char magic[8];                /* AP_BOARD_MAGIC */
    uint32_t layout;              /* AP_BOARD_LAYOUT */
    uint32_t header_size;         /* sizeof(ap_board_header) of the writer */
    uint32_t process_size;        /* sizeof(ap_board_process) of the writer */
    uint32_t worker_size;         /* sizeof(ap_board_worker) of the writer */
    uint32_t process_capacity;    /* process records that the file has room for */
    uint32_t workers_per_process; /* worker records for each of them */
    uint64_t sequence;            /* odd while the file is being written, another number after each write */
    uint32_t state;               /* AP_BOARD_... */
    uint32_t generation;          /* the generation that takes new connections */
    uint32_t parent_pid;          /* the process that a signal should be sent to */
    uint32_t max_processes;       /* most processes that may take connections at once */
    uint32_t idle_workers;        /* workers that wait, without those of processes that leave */
    uint32_t busy_workers;        /* workers that have a connection or, with event, a request */
    uint64_t server_started;      /* when the server started */
    uint64_t generation_started;  /* when the present generation was made */
    uint64_t updated;             /* when this view was taken */
    uint64_t total_accesses;      /* requests since the start, by all processes that ever were */
    uint64_t total_bytes;         /* bytes of responses, likewise */
    uint64_t total_duration;      /* time spent on requests, likewise */
    uint64_t cpu_user;            /* processor time of serving processes */
    uint64_t cpu_system;
    uint64_t cpu_children_user;   /* processor time of programs that they ran and that have ended */
    uint64_t cpu_children_system;
    uint32_t process_count;       /* process records in use */
    uint32_t reserved;            /* 0 */
    char mpm[AP_BOARD_MPM_SIZE];       /* name of the MPM, as in "httpd -V" */
    char server[AP_BOARD_SERVER_SIZE]; /* the server's product token */
} ap_board_header;

/* One child process, 128 bytes. */
typedef struct ap_board_process {
    uint32_t pid;
    uint32_t slot;              /* its place in its generation's scoreboard */
    uint32_t generation;        /* the configuration that it serves */
    uint32_t bucket;            /* its listener bucket (ListenCoresBucketsRatio), else 0 */
    uint32_t quiescing;         /* not 0: takes no more connections and ends when those it has have ended */
    uint32_t not_accepting;     /* not 0: is full, and does not listen at the moment */
    uint64_t started;           /* when it was forked */
    uint64_t connections;       /* connections that it holds, at whatever stage */
    uint64_t wait_io;           /* of these: wait for the rest of a request */
    uint64_t write_completion;  /* of these: wait for the peer to take the response */
    uint64_t keep_alive;        /* of these: wait for the next request */
    uint64_t lingering_close;   /* of these: are being closed */
    uint64_t suspended;         /* of these: are held by a module */
    uint64_t cpu_user;          /* processor time, as in the header */
    uint64_t cpu_system;
    uint64_t cpu_children_user;
    uint64_t cpu_children_system;
    uint32_t worker_count;      /* worker records in use */
    uint32_t reserved;          /* 0 */
    uint64_t reserved_more;     /* 0 */
} ap_board_process;

/* One worker: a process with prefork, a thread with worker, a place for a request with event. 288 bytes. */
typedef struct ap_board_worker {
    uint32_t status;               /* SERVER_... */
    uint32_t thread;               /* the system's number of the thread, 0 if it has none of its own */
    uint64_t accesses_connection;  /* requests on the present or last connection */
    uint64_t accesses_process;     /* requests by this worker of this process */
    uint64_t accesses_slot;        /* requests by this place over all the processes that had it */
    uint64_t bytes_connection;     /* bytes of responses, likewise */
    uint64_t bytes_process;
    uint64_t bytes_slot;
    uint64_t request_started;      /* begin of the present or last request */
    uint64_t request_ended;        /* end of the last request */
    uint64_t last_used;            /* when the worker last did anything */
    uint64_t duration;             /* time spent on requests by this worker of this process */
    uint64_t cpu_user;             /* processor time of its thread, where it has one of its own */
    uint64_t cpu_system;
    char client[AP_BOARD_CLIENT_SIZE];     /* address of the client */
    char request[AP_BOARD_REQUEST_SIZE];   /* the request line, its beginning or (SeeRequestTail) its end */
    char vhost[AP_BOARD_VHOST_SIZE];       /* name and port of the virtual host */
    char protocol[AP_BOARD_PROTOCOL_SIZE]; /* protocol of the connection */
    uint64_t reserved;                     /* 0 */
} ap_board_worker;

#ifdef __cplusplus
}
#endif

#endif /* SCOREBOARD_H */
