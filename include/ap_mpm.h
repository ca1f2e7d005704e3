/*
 * ap_mpm.h - what can be asked about the Multi-Processing Module.
 *
 * The MPM decides in which process and on which thread a connection is served. These are the codes of the questions and of
 * the answers that are not plain numbers. Names and values are those of the Apache HTTP Server.
 *
 * Clean as C89 and as C++.
 */
#ifndef AP_MPM_H
#define AP_MPM_H

/* --- Questions --------------------------------------------------------------------------------------------------------- */

/* The highest number of processes that were in use so far. */
#define AP_MPMQ_MAX_DAEMON_USED 1

/* Are there several threads in a process? Answered with one of the AP_MPMQ_... answers below. */
#define AP_MPMQ_IS_THREADED 2

/* Are there several serving processes? Answered likewise. */
#define AP_MPMQ_IS_FORKED 3

/* ServerLimit: no more processes than this, whatever the configuration. */
#define AP_MPMQ_HARD_LIMIT_DAEMONS 4

/* ThreadLimit: no more threads in a process than this; 1 where there are none. */
#define AP_MPMQ_HARD_LIMIT_THREADS 5

/* Threads of one process that serve requests. */
#define AP_MPMQ_MAX_THREADS 6

/* MinSpareServers; 0 where spare threads are counted instead. */
#define AP_MPMQ_MIN_SPARE_DAEMONS 7

/* MinSpareThreads; 0 where spare processes are counted instead. */
#define AP_MPMQ_MIN_SPARE_THREADS 8

/* MaxSpareServers, likewise. */
#define AP_MPMQ_MAX_SPARE_DAEMONS 9

/* MaxSpareThreads, likewise. */
#define AP_MPMQ_MAX_SPARE_THREADS 10

/* MaxConnectionsPerChild; 0 means without limit. */
#define AP_MPMQ_MAX_REQUESTS_DAEMON 11

/* The most processes that the configuration allows to serve at once. */
#define AP_MPMQ_MAX_DAEMONS 12

/* What the MPM is doing: one of AP_MPMQ_STARTING, AP_MPMQ_RUNNING, AP_MPMQ_STOPPING. */
#define AP_MPMQ_MPM_STATE 13

/* Not 0 if idle connections need no thread. */
#define AP_MPMQ_IS_ASYNC 14

/* The number of the generation: how many readings of the configuration there were before the present one. */
#define AP_MPMQ_GENERATION 15

/* Not 0 if the MPM drives the event loop of the serf library. None does. */
#define AP_MPMQ_HAS_SERF 16

/* Not 0 if a module may take a connection out of its thread for a while. */
#define AP_MPMQ_CAN_SUSPEND 17

/* Not 0 if a module may have the MPM wait for other descriptors. */
#define AP_MPMQ_CAN_POLL 18

/* Not 0 if a protocol module may have the MPM wait until its connection is readable or writable. */
#define AP_MPMQ_CAN_WAITIO 19

/* --- Answers ----------------------------------------------------------------------------------------------------------- */

/* To AP_MPMQ_IS_THREADED and AP_MPMQ_IS_FORKED: no; yes, a fixed number; yes, as many as the load asks for. */
#define AP_MPMQ_NOT_SUPPORTED 0
#define AP_MPMQ_STATIC 1
#define AP_MPMQ_DYNAMIC 2

/* To AP_MPMQ_MPM_STATE. */
#define AP_MPMQ_STARTING 0
#define AP_MPMQ_RUNNING 1
#define AP_MPMQ_STOPPING 2

#endif /* AP_MPM_H */
