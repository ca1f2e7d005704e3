//! The numbers by which this system tells its errors, as `io::Error::raw_os_error` has them, by their POSIX names.

pub use libc::{
    EAFNOSUPPORT, EBADF, ECONNABORTED, ECONNREFUSED, ECONNRESET, EHOSTUNREACH, EINTR, EINVAL,
    EMFILE, ENETDOWN, ENETUNREACH, ENFILE, ENOENT, ENOTDIR, EPROTO, ETIMEDOUT,
};
