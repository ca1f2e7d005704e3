//! What directives leave behind: one typed record for each module that was configured in a place.
//!
//! A place is the main server, a virtual host, a section or a `.htaccess` file. Each has a [`ConfMap`], a short
//! list of records, at most one of a type. Places are merged (see `request::walk`) by merging the records.

use crate::sync::MaybeShare;
use std::any::{Any, TypeId};

/// A module's configuration record, for a server or for a directory.
///
/// Plain data: it is shared by all threads of a child and never written after the configuration is built.
pub trait Conf: Any + Clone + Default + MaybeShare {
    /// The record that counts where `over`, from a later or an inner place, comes on top of `self`.
    fn merge(&self, over: &Self) -> Self;
}

/// [`Conf`] without its type; implemented for every `Conf`, never by hand.
pub trait ConfValue: Any + MaybeShare {
    /// `Conf::merge`, where both records are of one type.
    fn merge_box(&self, over: &dyn ConfValue) -> Box<dyn ConfValue>;
    /// A deep copy.
    fn clone_box(&self) -> Box<dyn ConfValue>;
    /// For downcasting.
    fn as_any(&self) -> &dyn Any;
    /// For downcasting.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<T: Conf> ConfValue for T {
    fn merge_box(&self, over: &dyn ConfValue) -> Box<dyn ConfValue> {
        match over.as_any().downcast_ref::<T>() {
            Some(over) => Box::new(self.merge(over)),
            None => self.clone_box(),
        }
    }
    fn clone_box(&self) -> Box<dyn ConfValue> {
        Box::new(self.clone())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// The configuration records of one place, at most one of a type.
#[derive(Default)]
pub struct ConfMap {
    entries: Vec<(TypeId, Box<dyn ConfValue>)>,
}

impl ConfMap {
    /// A list that begins with a record of type `T`, where looking for it is quickest.
    pub fn with<T: Conf>() -> ConfMap {
        let mut map = ConfMap::default();
        map.entry::<T>();
        map
    }

    /// The record of type `T`, if any directive here made one.
    pub fn get<T: Conf>(&self) -> Option<&T> {
        let wanted = TypeId::of::<T>();
        let (_, value) = self.entries.iter().find(|(id, _)| *id == wanted)?;
        (**value).as_any().downcast_ref()
    }

    /// The record of type `T`, made with its defaults if it is not there yet.
    pub fn entry<T: Conf>(&mut self) -> &mut T {
        let wanted = TypeId::of::<T>();
        let found = self.entries.iter().position(|(id, _)| *id == wanted);
        let index = found.unwrap_or_else(|| {
            self.entries.push((wanted, Box::new(T::default())));
            self.entries.len() - 1
        });
        let value = (*self.entries[index].1).as_any_mut().downcast_mut();
        value.unwrap_or_else(|| unreachable!("the entry is keyed by its own type"))
    }

    /// This place with another on top of it.
    pub fn merged(&self, over: &ConfMap) -> ConfMap {
        let mut entries: Vec<_> = self
            .entries
            .iter()
            .map(|(id, base)| match over.find(*id) {
                Some(over) => (*id, base.merge_box(over)),
                None => (*id, base.clone_box()),
            })
            .collect();
        let added = over
            .entries
            .iter()
            .filter(|(id, _)| self.find(*id).is_none());
        entries.extend(added.map(|(id, value)| (*id, value.clone_box())));
        ConfMap { entries }
    }

    /// True if no directive left anything here.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn find(&self, wanted: TypeId) -> Option<&dyn ConfValue> {
        self.entries
            .iter()
            .find(|(id, _)| *id == wanted)
            .map(|(_, value)| &**value)
    }
}

impl Clone for ConfMap {
    fn clone(&self) -> Self {
        let entries = self.entries.iter();
        ConfMap {
            entries: entries
                .map(|(id, value)| (*id, value.clone_box()))
                .collect(),
        }
    }
}

impl std::fmt::Debug for ConfMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ConfMap({} records)", self.entries.len())
    }
}

/// `over` if it was set, else `base`: the merge of most single values.
pub fn pick<T: Clone>(base: &Option<T>, over: &Option<T>) -> Option<T> {
    over.as_ref().or(base.as_ref()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default, Debug, PartialEq)]
    struct Words(Vec<&'static str>);
    impl Conf for Words {
        fn merge(&self, over: &Self) -> Self {
            Words(self.0.iter().chain(&over.0).copied().collect())
        }
    }
    #[derive(Clone, Default)]
    struct Other(u8);
    impl Conf for Other {
        fn merge(&self, over: &Self) -> Self {
            over.clone()
        }
    }

    #[test]
    fn records_of_one_type_merge_and_others_are_kept() {
        let (mut base, mut over) = (ConfMap::default(), ConfMap::default());
        base.entry::<Words>().0.push("a");
        over.entry::<Words>().0.push("b");
        over.entry::<Other>().0 = 7;
        let both = base.merged(&over);
        assert_eq!(both.get::<Words>(), Some(&Words(vec!["a", "b"])));
        assert_eq!(both.get::<Other>().map(|o| o.0), Some(7));
        assert!(base.get::<Other>().is_none());
    }
}
