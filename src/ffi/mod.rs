//! The C face: what programs and, later, modules in C share with the server. Nothing on a connection's path goes through
//! here; the types say in Rust what `include/scoreboard.h` and `include/ap_mpm.h` say in C.

pub mod bindings;

#[cfg(test)]
mod tests {
    use super::bindings::*;
    use std::mem::{offset_of, size_of};

    #[test]
    fn the_records_have_the_sizes_that_the_header_promises() {
        assert_eq!(size_of::<ap_board_header>(), 256);
        assert_eq!(size_of::<ap_board_process>(), 128);
        assert_eq!(size_of::<ap_board_worker>(), 288);
    }

    #[test]
    fn texts_and_sequence_stand_where_readers_look() {
        assert_eq!(offset_of!(ap_board_header, sequence), 32);
        assert_eq!(offset_of!(ap_board_header, mpm), 152);
        assert_eq!(offset_of!(ap_board_process, started), 24);
        assert_eq!(offset_of!(ap_board_worker, client), 104);
    }

    #[test]
    fn codes_are_those_of_apache() {
        assert_eq!(
            (SERVER_DEAD, SERVER_READY, SERVER_GRACEFUL, SERVER_IDLE_KILL),
            (0, 2, 9, 10)
        );
        assert_eq!(
            (AP_MPMQ_IS_THREADED, AP_MPMQ_IS_ASYNC, AP_MPMQ_GENERATION),
            (2, 14, 15)
        );
    }
}
