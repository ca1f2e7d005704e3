// headers: 3901863234 11292
//! The Rust types of include/ap_mpm.h and include/scoreboard.h. Do not edit: they come from "make bindings".

#![allow(missing_docs, non_camel_case_types, clippy::all)]

pub const AP_MPMQ_MAX_DAEMON_USED: u32 = 1;
pub const AP_MPMQ_IS_THREADED: u32 = 2;
pub const AP_MPMQ_IS_FORKED: u32 = 3;
pub const AP_MPMQ_HARD_LIMIT_DAEMONS: u32 = 4;
pub const AP_MPMQ_HARD_LIMIT_THREADS: u32 = 5;
pub const AP_MPMQ_MAX_THREADS: u32 = 6;
pub const AP_MPMQ_MIN_SPARE_DAEMONS: u32 = 7;
pub const AP_MPMQ_MIN_SPARE_THREADS: u32 = 8;
pub const AP_MPMQ_MAX_SPARE_DAEMONS: u32 = 9;
pub const AP_MPMQ_MAX_SPARE_THREADS: u32 = 10;
pub const AP_MPMQ_MAX_REQUESTS_DAEMON: u32 = 11;
pub const AP_MPMQ_MAX_DAEMONS: u32 = 12;
pub const AP_MPMQ_MPM_STATE: u32 = 13;
pub const AP_MPMQ_IS_ASYNC: u32 = 14;
pub const AP_MPMQ_GENERATION: u32 = 15;
pub const AP_MPMQ_HAS_SERF: u32 = 16;
pub const AP_MPMQ_CAN_SUSPEND: u32 = 17;
pub const AP_MPMQ_CAN_POLL: u32 = 18;
pub const AP_MPMQ_CAN_WAITIO: u32 = 19;
pub const AP_MPMQ_NOT_SUPPORTED: u32 = 0;
pub const AP_MPMQ_STATIC: u32 = 1;
pub const AP_MPMQ_DYNAMIC: u32 = 2;
pub const AP_MPMQ_STARTING: u32 = 0;
pub const AP_MPMQ_RUNNING: u32 = 1;
pub const AP_MPMQ_STOPPING: u32 = 2;
pub const SERVER_DEAD: u32 = 0;
pub const SERVER_STARTING: u32 = 1;
pub const SERVER_READY: u32 = 2;
pub const SERVER_BUSY_READ: u32 = 3;
pub const SERVER_BUSY_WRITE: u32 = 4;
pub const SERVER_BUSY_KEEPALIVE: u32 = 5;
pub const SERVER_BUSY_LOG: u32 = 6;
pub const SERVER_BUSY_DNS: u32 = 7;
pub const SERVER_CLOSING: u32 = 8;
pub const SERVER_GRACEFUL: u32 = 9;
pub const SERVER_IDLE_KILL: u32 = 10;
pub const SERVER_NUM_STATUS: u32 = 11;
pub const AP_BOARD_MAGIC: &[u8; 8usize] = b"httpdsb\0";
pub const AP_BOARD_LAYOUT: u32 = 1;
pub const AP_BOARD_STARTING: u32 = 0;
pub const AP_BOARD_RUNNING: u32 = 1;
pub const AP_BOARD_STOPPING: u32 = 2;
pub const AP_BOARD_OVER: u32 = 3;
pub const AP_BOARD_MPM_SIZE: u32 = 32;
pub const AP_BOARD_SERVER_SIZE: u32 = 72;
pub const AP_BOARD_CLIENT_SIZE: u32 = 64;
pub const AP_BOARD_REQUEST_SIZE: u32 = 64;
pub const AP_BOARD_VHOST_SIZE: u32 = 32;
pub const AP_BOARD_PROTOCOL_SIZE: u32 = 16;
pub type __uint32_t = core::ffi::c_uint;
pub type __uint64_t = core::ffi::c_ulong;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct ap_board_header {
    pub magic: [core::ffi::c_char; 8usize],
    pub layout: u32,
    pub header_size: u32,
    pub process_size: u32,
    pub worker_size: u32,
    pub process_capacity: u32,
    pub workers_per_process: u32,
    pub sequence: u64,
    pub state: u32,
    pub generation: u32,
    pub parent_pid: u32,
    pub max_processes: u32,
    pub idle_workers: u32,
    pub busy_workers: u32,
    pub server_started: u64,
    pub generation_started: u64,
    pub updated: u64,
    pub total_accesses: u64,
    pub total_bytes: u64,
    pub total_duration: u64,
    pub cpu_user: u64,
    pub cpu_system: u64,
    pub cpu_children_user: u64,
    pub cpu_children_system: u64,
    pub process_count: u32,
    pub reserved: u32,
    pub mpm: [core::ffi::c_char; 32usize],
    pub server: [core::ffi::c_char; 72usize],
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct ap_board_process {
    pub pid: u32,
    pub slot: u32,
    pub generation: u32,
    pub bucket: u32,
    pub quiescing: u32,
    pub not_accepting: u32,
    pub started: u64,
    pub connections: u64,
    pub wait_io: u64,
    pub write_completion: u64,
    pub keep_alive: u64,
    pub lingering_close: u64,
    pub suspended: u64,
    pub cpu_user: u64,
    pub cpu_system: u64,
    pub cpu_children_user: u64,
    pub cpu_children_system: u64,
    pub worker_count: u32,
    pub reserved: u32,
    pub reserved_more: u64,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct ap_board_worker {
    pub status: u32,
    pub thread: u32,
    pub accesses_connection: u64,
    pub accesses_process: u64,
    pub accesses_slot: u64,
    pub bytes_connection: u64,
    pub bytes_process: u64,
    pub bytes_slot: u64,
    pub request_started: u64,
    pub request_ended: u64,
    pub last_used: u64,
    pub duration: u64,
    pub cpu_user: u64,
    pub cpu_system: u64,
    pub client: [core::ffi::c_char; 64usize],
    pub request: [core::ffi::c_char; 64usize],
    pub vhost: [core::ffi::c_char; 32usize],
    pub protocol: [core::ffi::c_char; 16usize],
    pub reserved: u64,
}
