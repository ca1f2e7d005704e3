//! Limits that fit together where the number of processes is fixed and each sizes a pool of its own. Pure.

use crate::mpm::common::limits::{Ceilings, Fitted, Limits, Teller, Wanted};
use crate::mpm::common::note::Note;

/// The limits of a few processes whose number does not change, each of which sizes a pool of its own: they are all started and none
/// is ever too many.
pub fn fit_processes(wanted: &Wanted, ceilings: &Ceilings, starting: bool) -> (Fitted, Vec<Note>) {
    let first = ceilings.first_message;
    let mut teller = Teller::new(starting);
    let mut w = *wanted;
    let most = ceilings.server_limit;
    teller.cut(first, "StartServers", &mut w.start_servers, most, "servers");
    teller.at_least_one(first + 2, "StartServers", &mut w.start_servers);
    teller.spare_at_least_one(first + 4, "MinSpareThreads", &mut w.min_spare);
    let processes = count(w.start_servers);
    let threads = count(ceilings.thread_limit);
    let limits = Limits {
        min_spare: u32::MAX,
        max_spare: u32::MAX,
        max_processes: processes,
        threads_per_child: threads,
        buckets: 1,
    };
    let fitted = Fitted {
        limits,
        start_servers: processes,
        server_limit: count(ceilings.server_limit),
        thread_limit: threads,
        max_workers: processes.saturating_mul(threads),
    };
    (fitted, teller.notes)
}

fn count(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mpm::chosen::MPM;

    #[test]
    fn a_fixed_number_of_processes() {
        let fit = |start_servers| {
            let wanted = Wanted {
                start_servers,
                ..MPM.defaults
            };
            fit_processes(&wanted, &MPM.ceilings, true)
        };
        assert_eq!((fit(2).0.limits.max_processes, fit(2).1.len()), (2, 0));
        assert_eq!((fit(99).0.max_workers, fit(99).1.len()), (2560, 1));
        assert_eq!((fit(-1).0.start_servers, fit(-1).1.len()), (1, 1));
    }
}
