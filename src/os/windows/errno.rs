//! The numbers by which this system tells its errors, as `io::Error::raw_os_error` has them, by their POSIX names.

use windows_sys::Win32::Foundation as win;
use windows_sys::Win32::Networking::WinSock as sock;

pub const EAFNOSUPPORT: i32 = sock::WSAEAFNOSUPPORT;
pub const EBADF: i32 = sock::WSAENOTSOCK;
pub const ECONNABORTED: i32 = sock::WSAECONNABORTED;
pub const ECONNREFUSED: i32 = sock::WSAECONNREFUSED;
pub const ECONNRESET: i32 = sock::WSAECONNRESET;
pub const EHOSTUNREACH: i32 = sock::WSAEHOSTUNREACH;
pub const EINTR: i32 = sock::WSAEINTR;
pub const EINVAL: i32 = sock::WSAEINVAL;
pub const EMFILE: i32 = win::ERROR_TOO_MANY_OPEN_FILES as i32;
pub const ENETDOWN: i32 = sock::WSAENETDOWN;
pub const ENETUNREACH: i32 = sock::WSAENETUNREACH;
pub const ENFILE: i32 = sock::WSAEMFILE;
pub const ENOENT: i32 = win::ERROR_FILE_NOT_FOUND as i32;
pub const ENOTDIR: i32 = win::ERROR_DIRECTORY as i32;
pub const EPROTO: i32 = sock::WSAEDISCON;
pub const ETIMEDOUT: i32 = sock::WSAETIMEDOUT;
