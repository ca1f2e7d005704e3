//! What the Unix MPMs have in common. The pure half decides (`plan`, `limits`, `ladder`, `exits`, `pool`, `supervisor`) and is
//! simulated without forking anything; the other half carries out.

pub mod exits;
pub mod ladder;
pub mod limits;
pub mod note;
pub mod plan;
pub mod pool;
pub mod supervisor;

#[cfg(test)]
mod simulation;
