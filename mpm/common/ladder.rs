//! The ladder down which a child is brought to its end: asked, asked louder, killed, given up.
//!
//! Pure: given the time it says what is due. Each child that is to stop stands on a ladder of its own, and the
//! parent goes on with its other work meanwhile.

use std::time::{Duration, Instant};

/// What is due on a ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send SIGTERM, silently: the first time it is only polite.
    Ask,
    /// Send SIGTERM again and say so in the log: the child is late.
    AskAgain,
    /// Send SIGKILL.
    Kill,
    /// Even that did not end it; count it as gone and go on.
    GiveUp,
}

const STEPS: [(u64, Step); 6] = [
    (0, Step::Ask),
    (3, Step::AskAgain),
    (5, Step::AskAgain),
    (7, Step::AskAgain),
    (9, Step::Kill),
    (10, Step::GiveUp),
];

/// Where one child stands on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ladder {
    begun: Instant,
    next: usize,
}

impl Ladder {
    /// A ladder whose first step is due at `now`.
    pub fn new(now: Instant) -> Ladder {
        Ladder {
            begun: now,
            next: 0,
        }
    }

    /// The step that is due, if any. After a long pause the missed ones are skipped and the last one due is taken.
    pub fn due(&mut self, now: Instant) -> Option<Step> {
        let passed = now.saturating_duration_since(self.begun);
        let reached = STEPS
            .iter()
            .take_while(|(at, _)| Duration::from_secs(*at) <= passed)
            .count();
        if reached <= self.next {
            return None;
        }
        // KILL is never skipped: without it nothing is known about a child that is given up.
        let kill = STEPS.len() - 1;
        self.next = if self.next < kill {
            reached.min(kill)
        } else {
            reached
        };
        Some(STEPS[self.next - 1].1)
    }

    /// When the next step is due; `None` when the ladder has ended.
    pub fn next_at(&self) -> Option<Instant> {
        let (at, _) = STEPS.get(self.next)?;
        Some(self.begun + Duration::from_secs(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_four_times_then_kills_then_gives_up() {
        let begun = Instant::now();
        let mut ladder = Ladder::new(begun);
        let mut seen = Vec::new();
        for tenth in 0..120 {
            if let Some(step) = ladder.due(begun + Duration::from_millis(tenth * 100)) {
                seen.push((tenth / 10, step));
            }
        }
        assert_eq!(seen, STEPS.map(|(at, step)| (at, step)));
        assert_eq!(ladder.next_at(), None);
    }

    #[test]
    fn a_parent_that_overslept_still_kills_before_giving_up() {
        let begun = Instant::now();
        let mut ladder = Ladder::new(begun);
        let late = begun + Duration::from_secs(60);
        assert_eq!(ladder.due(late), Some(Step::Kill));
        assert_eq!(ladder.due(late), Some(Step::GiveUp));
        assert_eq!(ladder.due(late), None);
    }
}
