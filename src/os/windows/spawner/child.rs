//! One program and all that it starts, in a job of the kernel, which ends with us.

use super::interpreter;
use super::Request;
use crate::os::path::os_str;
use crate::os::windows::check;
use crate::os::windows::fd::OwnedFd;
use crate::os::windows::process::Pid;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::os::windows::process::CommandExt;
use std::process::{Command, Stdio};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JobObjectExtendedLimitInformation,
    SetInformationJobObject, TerminateJobObject, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
};
use windows_sys::Win32::System::Threading::{TerminateProcess, CREATE_NO_WINDOW};

/// A thread that copies needs no more.
const STACK: usize = 128 * 1024;

/// A program of ours. Dropping it ends it, with all that it started.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    /// None where it cannot be put into one: the server stands in a job already and the system is old, or the program is none of
    /// this system's.
    job: Option<OwnedHandle>,
}

/// Starts a program. Limits are not set: a process has none of this kind here.
pub fn start_here(request: &Request, standard: [Option<OwnedFd>; 3]) -> io::Result<Child> {
    let job = job()?;
    let mut command = command(request)?;
    let [input, output, errors] = standard;
    command
        .stdin(piped(&input))
        .stdout(piped(&output))
        .stderr(piped(&errors));
    let mut process = command.spawn()?;
    // SAFETY: a handle that is open, and one that the system checks.
    let joined =
        unsafe { AssignProcessToJobObject(job.as_raw_handle(), process.as_raw_handle()) } != 0;
    let job = joined.then_some(job);
    if let (Some(from), Some(to)) = (input.map(TcpStream::from), process.stdin.take()) {
        carry(from, to)?;
    }
    if let (Some(from), Some(to)) = (process.stdout.take(), output.map(TcpStream::from)) {
        carry(from, to)?;
    }
    if let (Some(from), Some(to)) = (process.stderr.take(), errors.map(TcpStream::from)) {
        carry(from, to)?;
    }
    Ok(Child { process, job })
}

fn piped(socket: &Option<OwnedFd>) -> Stdio {
    match socket {
        Some(_) => Stdio::piped(),
        None => Stdio::null(),
    }
}

/// The command line: the program, or whom its first line names, and its environment.
fn command(request: &Request) -> io::Result<Command> {
    let mut words = interpreter::words(&request.program, &request.folder)?.into_iter();
    let program = words.next().ok_or(io::ErrorKind::NotFound)?;
    let mut command = Command::new(program);
    command.args(words);
    command.args(request.arguments.iter().skip(1).map(|word| os_str(word)));
    command.env_clear();
    for variable in &request.environment {
        let equals = variable.iter().skip(1).position(|&byte| byte == b'=');
        if let Some(equals) = equals {
            let (name, value) = variable.split_at(equals + 1);
            command.env(os_str(name), os_str(value.get(1..).unwrap_or_default()));
        }
    }
    if !request.folder.is_empty() {
        command.current_dir(os_str(&request.folder));
    }
    command.creation_flags(CREATE_NO_WINDOW);
    Ok(command)
}

fn job() -> io::Result<OwnedHandle> {
    // SAFETY: no pointer is given but null ones.
    let raw = unsafe { CreateJobObjectW(std::ptr::null(), std::ptr::null()) };
    if raw.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just made it.
    let job = unsafe { OwnedHandle::from_raw_handle(raw) };
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    // SAFETY: the record is of the kind and length that are said.
    check(unsafe {
        SetInformationJobObject(
            job.as_raw_handle(),
            JobObjectExtendedLimitInformation,
            (&raw const limits).cast(),
            size_of_val(&limits) as u32,
        )
    })?;
    Ok(job)
}

/// Carries bytes over in a thread of its own, until one side ends; both are closed then.
fn carry(
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
) -> io::Result<()> {
    let copy = move || {
        let mut buffer = [0; 16 * 1024];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) if to.write_all(&buffer[..n]).is_ok() => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => break,
            }
        }
    };
    let builder = std::thread::Builder::new().name("program".to_owned());
    builder.stack_size(STACK).spawn(copy).map(drop)
}

impl Child {
    /// Its number.
    pub fn pid(&self) -> Option<Pid> {
        Pid::try_from(self.process.id()).ok()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// There is no way to ask; its time until it is ended is all it gets.
    pub fn ask_to_end(&self) -> bool {
        true
    }

    /// Ends it, and all that it started.
    pub fn kill(&self) {
        match &self.job {
            // SAFETY: the handle is open. An empty job is no error.
            Some(job) => unsafe { TerminateJobObject(job.as_raw_handle(), 1) },
            // SAFETY: a handle that the system checks. That it has ended is no error.
            None => unsafe { TerminateProcess(self.process.as_raw_handle(), 1) },
        };
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        let _ = self.process.wait();
    }
}
