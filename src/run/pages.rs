//! A row of records that grows page by page. A vector would move all it has to a place twice as large, and leave the old one behind
//! as memory that was used: with thousands of idle connections that costs as much as the records themselves.

use std::ops::{Index, IndexMut};

/// Records on a page, a power of two.
const PAGE: usize = 64;

#[derive(Debug)]
pub(super) struct Pages<T>(Vec<Vec<T>>);

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Pages(Vec::new())
    }
}

impl<T> Pages<T> {
    pub fn push(&mut self, record: T) {
        match self.0.last_mut() {
            Some(page) if page.len() < PAGE => page.push(record),
            _ => {
                let mut page = Vec::with_capacity(PAGE);
                page.push(record);
                self.0.push(page);
            }
        }
    }

    pub fn len(&self) -> usize {
        match self.0.split_last() {
            Some((last, full)) => full.len() * PAGE + last.len(),
            None => 0,
        }
    }

    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.0.get_mut(index / PAGE)?.get_mut(index % PAGE)
    }
}

impl<T> Index<usize> for Pages<T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        &self.0[index / PAGE][index % PAGE]
    }
}

impl<T> IndexMut<usize> for Pages<T> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.0[index / PAGE][index % PAGE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_stay_where_they_are() {
        let mut pages = Pages::default();
        (0..1000).for_each(|n| pages.push(n));
        assert_eq!(pages.len(), 1000);
        assert!((0..1000).all(|n| pages[n] == n));
        pages[999] += 1;
        assert_eq!((pages[999], pages.len()), (1000, 1000));
        assert_eq!(pages.get_mut(999), Some(&mut 1000));
        assert_eq!(pages.get_mut(1000), None);
    }
}
