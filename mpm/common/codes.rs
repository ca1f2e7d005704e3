//! Exit codes by which those who serve say why they ended: a child to its parent, a thread to the process it is in. 0 is an end as it
//! should be; what others mean is judged in `exits`.

/// Exit code of a child that ended because something is scarce: descriptors, memory, threads.
pub const SICK: i32 = 7;

/// Exit code of a child for which there is no hope, nor for another like it.
pub const FATAL: i32 = 15;
