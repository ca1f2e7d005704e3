//! Directives that set limits.

use super::httpd_internal::Cmd;
use crate::config::core::{CoreDir, CoreServer, RangeLimit, ResourceLimit};

pub fn request_line(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let most = cmd.number(0, 0, i32::MAX as usize)?;
    cmd.server_conf::<CoreServer>().limit_request_line = Some(most);
    Ok(())
}

pub fn request_fields(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let most = cmd.number(0, 0, i32::MAX as usize)?;
    cmd.server_conf::<CoreServer>().limit_request_fields = Some(most);
    Ok(())
}

pub fn field_size(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let most = cmd.number(0, 0, i32::MAX as usize)?;
    cmd.server_conf::<CoreServer>().limit_request_field_size = Some(most);
    Ok(())
}

pub fn request_body(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let most = cmd.number(0, 0, i64::MAX as u64)?;
    cmd.dir_conf::<CoreDir>().limit_request_body = Some(most);
    Ok(())
}

pub fn xml_body(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let most = cmd.number(0, 0, i64::MAX as u64)?;
    cmd.dir_conf::<CoreDir>().limit_xml_body = Some(most);
    cmd.warn_no_effect("no module of this release reads bodies of XML");
    Ok(())
}

pub fn recursion(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let redirects = cmd.number(0, 0, i32::MAX as u32)?;
    let nested = if cmd.args.len() > 1 {
        cmd.number(1, 0, i32::MAX as u32)?
    } else {
        redirects
    };
    cmd.server_conf::<CoreServer>().recursion = Some((redirects, nested));
    Ok(())
}

pub fn flush_threshold(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let bytes = cmd.number(0, 1, 1 << 30)?;
    cmd.server_conf::<CoreServer>().flush_max_threshold = Some(bytes);
    Ok(())
}

pub fn flush_pipelined(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let most = cmd.number(0, -1, i32::MAX)?;
    cmd.server_conf::<CoreServer>().flush_max_pipelined = Some(most);
    Ok(())
}

pub fn read_buffer(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let bytes = cmd.number(0, 1, 1 << 30)?;
    cmd.dir_conf::<CoreDir>().read_buffer = Some(bytes);
    Ok(())
}

fn range_limit(cmd: &Cmd<'_>) -> Result<Option<RangeLimit>, String> {
    match cmd.arg(0).to_ascii_lowercase().as_str() {
        "default" => Ok(None),
        "unlimited" => Ok(Some(RangeLimit::Unlimited)),
        "none" => Ok(Some(RangeLimit::None)),
        _ => cmd
            .number(0, 0, i32::MAX as usize)
            .map(|n| Some(RangeLimit::Most(n))),
    }
}

pub fn max_ranges(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let limit = range_limit(cmd)?;
    cmd.dir_conf::<CoreDir>().max_ranges = limit.or(Some(RangeLimit::Most(200)));
    Ok(())
}

pub fn max_overlaps(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let limit = range_limit(cmd)?;
    cmd.dir_conf::<CoreDir>().max_overlaps = limit.or(Some(RangeLimit::Most(20)));
    Ok(())
}

pub fn max_reversals(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let limit = range_limit(cmd)?;
    cmd.dir_conf::<CoreDir>().max_reversals = limit.or(Some(RangeLimit::Most(20)));
    Ok(())
}

fn resource_limit(cmd: &Cmd<'_>) -> Result<ResourceLimit, String> {
    let one = |text: &str| match text.eq_ignore_ascii_case("max") {
        true => Ok(u64::MAX),
        false => text
            .parse()
            .map_err(|_| format!("Invalid parameters for {}: '{text}'", cmd.directive.name)),
    };
    let hard = cmd.args.get(1).map(|text| one(text)).transpose()?;
    Ok((one(cmd.arg(0))?, hard))
}

pub fn rlimit_cpu(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let limit = resource_limit(cmd)?;
    cmd.dir_conf::<CoreDir>().rlimit_cpu = Some(limit);
    Ok(())
}

pub fn rlimit_mem(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let limit = resource_limit(cmd)?;
    cmd.dir_conf::<CoreDir>().rlimit_mem = Some(limit);
    Ok(())
}

pub fn rlimit_nproc(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let limit = resource_limit(cmd)?;
    cmd.dir_conf::<CoreDir>().rlimit_nproc = Some(limit);
    Ok(())
}
