//! What a worker can be doing, with the numbers and letters that status pages and `scoreboard.h` show.

/// The state of one worker. The order matters: up to `Ready` a worker is idle, from there to `Closing` it is active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// A slot without a worker.
    #[default]
    Dead = 0,
    /// Comes up.
    Starting = 1,
    /// Waits for a connection.
    Ready = 2,
    /// Reads a request.
    Reading = 3,
    /// Handles a request or sends its answer.
    Writing = 4,
    /// Waits for the next request of a kept connection.
    KeepAlive = 5,
    /// Writes the access log.
    Logging = 6,
    /// Looks a name up.
    Resolving = 7,
    /// Closes a connection.
    Closing = 8,
    /// Finishes what it has and will take no more.
    Graceful = 9,
    /// Was told to go because it was idle.
    IdleKill = 10,
}

impl Status {
    /// All states in the order of their numbers.
    pub const ALL: [Status; 11] = [
        Status::Dead,
        Status::Starting,
        Status::Ready,
        Status::Reading,
        Status::Writing,
        Status::KeepAlive,
        Status::Logging,
        Status::Resolving,
        Status::Closing,
        Status::Graceful,
        Status::IdleKill,
    ];

    /// The state with that number; a number that is none reads as `Dead`, for it may come from a page gone wild.
    pub fn from_number(number: u64) -> Status {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        Status::ALL.get(index).copied().unwrap_or_default()
    }

    /// The letter that mod_status draws.
    pub fn letter(self) -> char {
        char::from(b".S_RWKLDCGI"[self as usize])
    }

    /// Whether the worker could take work now or soon.
    pub fn is_idle(self) -> bool {
        matches!(self, Status::Starting | Status::Ready)
    }

    /// Whether the worker has work.
    pub fn is_busy(self) -> bool {
        !matches!(
            self,
            Status::Dead | Status::Starting | Status::Ready | Status::IdleKill
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_letters() {
        let letters: String = Status::ALL.iter().map(|s| s.letter()).collect();
        assert_eq!(letters, ".S_RWKLDCGI");
        for (number, status) in Status::ALL.iter().enumerate() {
            assert_eq!(*status as usize, number);
            assert_eq!(Status::from_number(number as u64), *status);
        }
        assert_eq!(Status::from_number(11), Status::Dead);
        assert_eq!(Status::from_number(u64::MAX), Status::Dead);
    }
}
