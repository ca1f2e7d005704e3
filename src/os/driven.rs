//! What each thread is at work on at this moment, kept where a handler of fatal signals can find it: one look at the thread that
//! fell tells which of a loop's many connections it was driving, so that neighbours are not blamed.
//!
//! A connection has one [`Driven`], says in it what it works on, and is polled inside [`Driven::during`]. All of this is a few
//! stores a request. [`report`] is the handler's part: it may run at any moment of the thread's life, so it takes no lock,
//! allocates nothing, and only copies bytes to memory that was put aside for it.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{compiler_fence, AtomicU64, Ordering};

thread_local! {
    /// The innermost work of this thread. Without a destructor, so that reading it allocates nothing.
    static PRESENT: Cell<*const Driven> = const { Cell::new(std::ptr::null()) };
}

/// Words of a report: the signal, whether somebody else sent it, how many bytes of text follow.
pub const SIGNAL: usize = 0;
/// See `SIGNAL`.
pub const SENT: usize = 1;
/// See `SIGNAL`.
pub const LENGTH: usize = 2;
/// See `SIGNAL`.
pub const TEXT: usize = 3;

/// What a connection works on, in words for a report.
#[derive(Debug)]
pub struct Driven {
    words: RefCell<Vec<u8>>,
    /// Where the handler finds them; null while they are being changed.
    place: Cell<(*const u8, usize)>,
}

impl Default for Driven {
    fn default() -> Driven {
        Driven::of(Vec::new())
    }
}

impl Driven {
    fn of(words: Vec<u8>) -> Driven {
        Driven {
            place: Cell::new((words.as_ptr(), words.len())),
            words: RefCell::new(words),
        }
    }

    /// Says what is worked on from now on, in place of what was said before; the memory is used again.
    pub fn say(&self, write: impl FnOnce(&mut Vec<u8>)) {
        self.place.set((std::ptr::null(), 0));
        compiler_fence(Ordering::SeqCst);
        let mut words = self.words.borrow_mut();
        words.clear();
        write(&mut words);
        self.place.set((words.as_ptr(), words.len()));
        compiler_fence(Ordering::SeqCst);
    }

    /// Nothing is worked on.
    pub fn rest(&self) {
        self.place.set((std::ptr::null(), 0));
    }

    /// Looks at what was said.
    pub fn read<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        look(&self.words.borrow())
    }

    /// Does something for this work: a crash meanwhile is its doing.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        let _before = Before(PRESENT.replace(self));
        compiler_fence(Ordering::SeqCst);
        work()
    }
}

/// Puts back what the thread was at work on before, also when a panic passes.
struct Before(*const Driven);

impl Drop for Before {
    fn drop(&mut self) {
        compiler_fence(Ordering::SeqCst);
        PRESENT.set(self.0);
    }
}

/// Carries what this thread is at work on to another thread, together with a part of the work.
pub fn carrying<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let words = present().to_vec();
    move || Driven::of(words).during(work)
}

/// The words of this thread's work; empty if it has none.
fn present() -> &'static [u8] {
    let driven = PRESENT.get();
    if driven.is_null() {
        return &[];
    }
    // SAFETY: `during` holds a borrow of what it puts here, and takes it away before that ends.
    let (start, length) = unsafe { (*driven).place.get() };
    if start.is_null() {
        return &[];
    }
    // SAFETY: the words of a vector that `say` does not touch before it has made the place null. The slice is used up by
    // the callers here at once, on this thread, before anything else can run on it.
    unsafe { std::slice::from_raw_parts(start, length) }
}

/// For the handler of a fatal signal: writes down what this thread was at work on. The first word comes last: without it
/// there is no report. Text that does not fit is cut, and so is one that nobody has room for.
pub fn report(place: &[AtomicU64], signal: i32, sent: bool) {
    let words = present();
    let (Some(head), Some(room)) = (place.get(..TEXT), place.get(TEXT..)) else {
        return;
    };
    for (word, bytes) in room.iter().zip(words.chunks(8)) {
        let mut eight = [0; 8];
        for (to, from) in eight.iter_mut().zip(bytes) {
            *to = *from;
        }
        word.store(u64::from_le_bytes(eight), Ordering::Relaxed);
    }
    head[LENGTH].store(words.len() as u64, Ordering::Relaxed);
    head[SENT].store(u64::from(sent), Ordering::Relaxed);
    head[SIGNAL].store(signal.unsigned_abs().into(), Ordering::SeqCst);
}

/// Bytes of the line that [`tell`] makes.
const LINE: usize = 1024;

/// For the handler of a fatal signal in a process whose report nobody would read: the same in one line of printable text.
pub fn tell(signal: i32, write: &mut dyn FnMut(&[u8])) {
    let mut line = [0; LINE];
    let mut length = 0;
    let tens = signal.unsigned_abs() / 10 % 10;
    let number = [b'0' + tens as u8, b'0' + (signal.unsigned_abs() % 10) as u8];
    let words = present();
    let pieces: [&[u8]; 4] = match words.is_empty() {
        true => [
            b"AH20402: crash: signal ",
            &number,
            b", no request in work",
            b"",
        ],
        false => [b"AH20402: crash: signal ", &number, b", at work on ", words],
    };
    // The last place is kept for the end of the line.
    let places = line.iter_mut().take(LINE - 1);
    for (place, byte) in places.zip(pieces.iter().copied().flatten()) {
        *place = match byte {
            b' '..=b'~' => *byte,
            0 => b' ',
            _ => b'?',
        };
        length += 1;
    }
    if let Some(place) = line.get_mut(length) {
        *place = b'\n';
    }
    write(line.get(..=length).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported() -> (u64, Vec<u8>) {
        let place: Vec<AtomicU64> = (0..8).map(|_| AtomicU64::new(0)).collect();
        report(&place, 11, false);
        let text = place[TEXT..].iter();
        let text: Vec<u8> = text
            .flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes())
            .collect();
        assert_eq!(place[SIGNAL].load(Ordering::Relaxed), 11);
        let length = place[LENGTH].load(Ordering::Relaxed);
        (length, text[..text.len().min(length as usize)].to_vec())
    }

    #[test]
    fn the_innermost_work_is_named_and_then_the_one_around_it() {
        let (outer, inner) = (Driven::default(), Driven::default());
        outer.say(|words| words.extend_from_slice(b"outer"));
        inner.say(|words| words.extend_from_slice(b"inner"));
        assert_eq!(reported(), (0, vec![]));
        outer.during(|| {
            assert_eq!(reported().1, b"outer");
            inner.during(|| {
                outer.say(|words| words.extend_from_slice(&[b'x'; 300]));
                assert_eq!(reported().1, b"inner");
            });
            assert_eq!(reported(), (300, vec![b'x'; 40]));
            outer.rest();
            assert_eq!(reported().0, 0);
        });
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            outer.during(|| std::panic::resume_unwind(Box::new("passes")))
        }));
        assert_eq!(reported().0, 0);
    }

    #[test]
    fn a_line_is_printable_and_ends() {
        let told = || {
            let mut lines = Vec::new();
            tell(11, &mut |line| lines.push(line.to_vec()));
            lines.concat()
        };
        assert_eq!(told(), b"AH20402: crash: signal 11, no request in work\n");
        let driven = Driven::default();
        driven.say(|words| words.extend_from_slice(b"::1\0www\0GET\0/a\n\xff"));
        let line = driven.during(told);
        assert_eq!(
            line,
            b"AH20402: crash: signal 11, at work on ::1 www GET /a??\n"
        );
        driven.say(|words| words.resize(5000, b'x'));
        assert_eq!(driven.during(told).len(), LINE);
    }

    #[test]
    fn work_on_another_thread_is_the_same_work() {
        let driven = Driven::default();
        driven.say(|words| words.extend_from_slice(b"slow"));
        let work = driven.during(|| carrying(reported));
        drop(driven);
        let there = std::thread::spawn(|| (work(), reported()));
        let (during, after) = there.join().unwrap();
        assert_eq!(during.1, b"slow");
        assert_eq!(after.0, 0);
    }
}
