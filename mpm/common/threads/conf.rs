//! Directives of the MPMs whose pool of threads changes its size. They have fewer than the others, and names of their own; what
//! they say is kept in the same record (`common::conf::MpmConf`).

/// Makes the whole table of such an MPM: what all have, then its own rows.
macro_rules! pool_directives {
    ($($own:expr),* $(,)?) => {{
        use $crate::mpm::common::conf::row;
        &[
            row("Listen"),
            row("ListenBacklog"),
            row("ListenTCPDeferAccept"),
            row("SendBufferSize"),
            row("ReceiveBufferSize"),
            row("PidFile"),
            row("ServerStatusSocket"),
            row("ScoreBoardFile"),
            row("CoreDumpDirectory"),
            row("ChildSandbox"),
            row("CrashQuarantine"),
            row("GracefulShutdownTimeout"),
            row("UpgradeTimeout"),
            row("GracefulDrainTimeout"),
            row("MaxDrainingWorkers"),
            row("MaxMemFree"),
            row("MinSpareThreads"),
            row("MaxSpareThreads"),
            $($own),*
        ]
    }};
}
pub(in crate::mpm) use pool_directives;
