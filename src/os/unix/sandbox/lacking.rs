//! In the place of what this system, or this processor's part of it, does not have.

/// Never.
pub fn supported() -> bool {
    false
}

/// Says so.
pub fn apply<T>(_rules: T) -> std::io::Result<()> {
    crate::os::unix::unsupported()
}
