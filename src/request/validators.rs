//! Validators of responses that are made from files: the entity tag by FileETag.

use super::{FileInfo, Request};
use crate::config::core::FileEtag;
use crate::os::clock;
use crate::protocol::etag::{FileETag, FileFacts};
use bstr::BString;

/// The entity tag of a file or folder, as FileETag wants it; none where it wants none, or a digest.
pub fn file_tag(r: &Request, info: &FileInfo) -> Option<BString> {
    let bits = r.core_dir().file_etag.bits();
    if bits & (FileEtag::DIGEST | FileEtag::NONE) != 0 {
        return None;
    }
    let parts = FileETag {
        // A file without a number must not have the tag of all others.
        inode: bits & FileEtag::INODE != 0 && info.more.inode != 0,
        mtime: bits & FileEtag::MTIME != 0,
        size: bits & FileEtag::SIZE != 0,
        digest: false,
    };
    let facts = FileFacts {
        inode: info.more.inode,
        size: info.size,
        mtime: clock::microseconds(info.mtime),
    };
    parts.make(r.ctx.text(), &facts, clock::microseconds(r.request_time))
}
