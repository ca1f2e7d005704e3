//! From the target as it came to the path that the phases work with.

use super::Request;
use crate::protocol::uri::{decode_path, is_plain, PathOptions};
use crate::protocol::Reject;

/// Decodes the path, merges slashes and resolves dot segments, by the rules of the request's server.
pub fn decode(r: &mut Request) -> Result<(), Reject> {
    if r.uri == "*" || !r.uri.starts_with(b"/") {
        return Ok(());
    }
    if is_plain(&r.uri) {
        return Ok(());
    }
    let core = r.core_server();
    let options = PathOptions {
        slashes: core.encoded_slashes.unwrap_or_default(),
        merge: core.merge_slashes.unwrap_or(true),
        strict: !core.protocol_options.lenient.unwrap_or(false),
    };
    r.uri = decode_path(&r.uri, &options)?;
    Ok(())
}
