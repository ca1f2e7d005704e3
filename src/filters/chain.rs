//! A request's own filters: added by name, kept in the order of their class, run one behind the other.

use super::{
    Brigade, Bucket, Class, Direction, FilterRecord, Filtered, InputFilter, MakeFilter,
    OutputFilter,
};
use crate::request::Request;
use bytes::Bytes;
use std::io;

/// The response as the handler makes it, before the protocol frames it.
#[derive(Default)]
pub struct Output {
    /// Produced and not yet through the filters.
    pub pending: Brigade,
    /// Through the filters and not yet sent.
    pub ready: Brigade,
    filters: Vec<(Class, &'static str, Box<dyn OutputFilter>)>,
}

impl Output {
    /// True if a filter of this name is in the chain.
    pub fn has_filter(&self, name: &str) -> bool {
        self.filters
            .iter()
            .any(|(_, known, _)| known.eq_ignore_ascii_case(name))
    }

    /// Takes away what was produced so far and the content filters: an error page starts anew.
    pub fn reset(&mut self) {
        *self = Output::default();
    }

    /// Takes a filter out of the chain.
    pub fn remove_filter(&mut self, name: &str) {
        self.filters
            .retain(|(_, known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// Takes over the filters of another response, behind its own of the same class.
    pub fn adopt_filters(&mut self, other: &mut Output) {
        for (class, name, filter) in other.filters.drain(..) {
            let at = self.filters.partition_point(|(c, ..)| *c <= class);
            self.filters.insert(at, (class, name, filter));
        }
    }

    /// Lets what was produced pass where there is no filter.
    pub fn pass(&mut self) {
        let brigade = std::mem::take(&mut self.pending);
        self.came_through(brigade);
    }

    /// What the filters gave is ready, unless the body was complete before.
    fn came_through(&mut self, mut brigade: Brigade) {
        if self.ready.is_empty() {
            self.ready = brigade;
        } else if !self.ready.is_complete() {
            self.ready.buckets.append(&mut brigade.buckets);
        }
    }

    /// True if buckets pass unchanged.
    pub fn is_plain(&self) -> bool {
        self.filters.is_empty()
    }
}

/// The filters of a request's body.
#[derive(Default)]
pub struct Input {
    filters: Vec<(Class, &'static str, Box<dyn InputFilter>)>,
    ended: bool,
}

impl Input {
    /// Takes over the filters of another request, behind its own of the same class.
    pub fn adopt_filters(&mut self, other: &mut Input) {
        for (class, name, filter) in other.filters.drain(..) {
            let at = self.filters.partition_point(|(c, ..)| *c <= class);
            self.filters.insert(at, (class, name, filter));
        }
    }
}

impl Request {
    /// Adds the filter of this name behind those of its class. `Err` if there is none of this name.
    pub fn add_output_filter(&mut self, name: &str) -> Result<(), String> {
        let record = self.ctx.generation.filter(Direction::Output, name);
        self.add_found(record, "output", name)
    }

    /// Adds the input filter of this name.
    pub fn add_input_filter(&mut self, name: &str) -> Result<(), String> {
        let record = self.ctx.generation.filter(Direction::Input, name);
        self.add_found(record, "input", name)
    }

    fn add_found(
        &mut self,
        record: Option<&'static FilterRecord>,
        kind: &str,
        name: &str,
    ) -> Result<(), String> {
        let record = record.ok_or_else(|| format!("no {kind} filter is called {name}"))?;
        self.add_filter_record(record);
        Ok(())
    }

    /// Adds a filter by its record; input and output filters find their own chain.
    pub fn add_filter_record(&mut self, record: &'static FilterRecord) {
        match record.make {
            MakeFilter::Output(make) => {
                if let Some(filter) = make(self) {
                    self.insert_output_filter(record.class, record.name, filter);
                }
            }
            MakeFilter::Input(make) => {
                if let Some(filter) = make(self) {
                    let at = self
                        .input
                        .filters
                        .partition_point(|(c, ..)| *c <= record.class);
                    self.input
                        .filters
                        .insert(at, (record.class, record.name, filter));
                }
            }
        }
    }

    /// Adds a filter that has been made already.
    pub fn insert_output_filter(
        &mut self,
        class: Class,
        name: &'static str,
        filter: Box<dyn OutputFilter>,
    ) {
        let at = self.out.filters.partition_point(|(c, ..)| *c <= class);
        self.out.filters.insert(at, (class, name, filter));
    }

    /// Sends what is pending through the filters to `out.ready`.
    pub async fn run_output_filters(&mut self) -> io::Result<()> {
        let mut brigade = std::mem::take(&mut self.out.pending);
        if !self.out.filters.is_empty() && !brigade.is_empty() {
            // A filter is given the request, so the chain is taken out of it meanwhile.
            let mut filters = std::mem::take(&mut self.out.filters);
            for (_, _, filter) in &mut filters {
                brigade = match filter.run(self, brigade) {
                    Filtered::Now(result) => result?,
                    Filtered::Later(future) => future.await?,
                };
            }
            // What a filter added meanwhile comes behind.
            filters.append(&mut self.out.filters);
            self.out.filters = filters;
        }
        self.out.came_through(brigade);
        Ok(())
    }

    /// Runs a piece of the request body through the input filters.
    pub async fn run_input_filters(&mut self, piece: Option<Bytes>) -> io::Result<Option<Bytes>> {
        if self.input.filters.is_empty() || self.input.ended {
            return Ok(piece);
        }
        let last = piece.is_none();
        self.input.ended = last;
        let mut piece = piece.unwrap_or_default();
        let mut filters = std::mem::take(&mut self.input.filters);
        for (_, _, filter) in &mut filters {
            piece = match filter.run(self, piece, last) {
                Filtered::Now(result) => result?,
                Filtered::Later(future) => future.await?,
            };
        }
        self.input.filters = filters;
        Ok(Some(piece).filter(|piece| !(last && piece.is_empty())))
    }

    /// Appends bytes to the response.
    pub fn write(&mut self, bytes: impl Into<Bytes>) {
        self.out.pending.push_bytes(bytes);
    }

    /// Appends a bucket to the response.
    pub fn push(&mut self, bucket: Bucket) {
        self.out.pending.buckets.push_back(bucket);
    }
}
