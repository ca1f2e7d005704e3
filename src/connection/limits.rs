//! How long a peer may take to send: TimeOut for each read, and the minimum rates of RequestReadTimeout.

use std::time::{Duration, Instant};

/// One stage of RequestReadTimeout.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StageLimit {
    /// Time for the stage; none = no limit.
    pub initial: Option<Duration>,
    /// The most that incoming data can extend it to; none = any time.
    pub most: Option<Duration>,
    /// Bytes a second: each so many bytes extend the time by a second. 0 = not extended.
    pub min_rate: u32,
}

/// The limits of a connection's stages.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReadLimits {
    /// Before the first byte is understood (TLS).
    pub handshake: StageLimit,
    /// From the first byte of a head to its end.
    pub header: StageLimit,
    /// From the first wait for the body to its end.
    pub body: StageLimit,
}

/// A running stage.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    limit: StageLimit,
    bytes: u64,
}

impl Clock {
    /// Starts a stage.
    pub fn start(limit: StageLimit, now: Instant) -> Clock {
        Clock {
            start: now,
            limit,
            bytes: 0,
        }
    }

    /// Counts what came in.
    pub fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// When the stage is over; none = never.
    pub fn deadline(&self) -> Option<Instant> {
        let initial = self.limit.initial?;
        let mut time = initial;
        if self.limit.min_rate > 0 {
            time += Duration::from_secs(self.bytes / u64::from(self.limit.min_rate));
        }
        if let Some(most) = self.limit.most {
            time = time.min(most);
        }
        Some(self.start + time)
    }

    /// The earlier of the stage's end and `idle` from now.
    pub fn next(&self, idle: Duration, now: Instant) -> Instant {
        let idle = now + idle;
        self.deadline().map_or(idle, |end| end.min(idle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_extends_the_time_up_to_the_most() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let limit = StageLimit {
            initial: Some(20 * second),
            most: Some(40 * second),
            min_rate: 500,
        };
        let mut clock = Clock::start(limit, now);
        assert_eq!(clock.deadline(), Some(now + 20 * second));
        clock.add(1000);
        assert_eq!(clock.deadline(), Some(now + 22 * second));
        clock.add(100_000);
        assert_eq!(clock.deadline(), Some(now + 40 * second));
        assert_eq!(clock.next(second, now), now + second);
        assert_eq!(Clock::start(StageLimit::default(), now).deadline(), None);
    }
}
