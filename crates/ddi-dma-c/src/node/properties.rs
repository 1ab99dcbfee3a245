//! Integer properties: those that a device comes with, and those that its driver sets for a device number.

use std::collections::BTreeMap;

/// Which device number a property is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Number {
    /// `DDI_DEV_T_NONE`: none in particular.
    None,
    Of(u64),
}

/// Which properties are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// `DDI_DEV_T_ANY`
    Any,
    For(Number),
}

/// The properties of a device. What the driver set comes before what the device came with.
#[derive(Debug, Default)]
pub(crate) struct Properties {
    given: BTreeMap<String, i32>,
    set: BTreeMap<(String, Number), i32>,
}

impl Properties {
    pub(crate) fn new(given: BTreeMap<String, i32>) -> Self {
        Properties { given, set: BTreeMap::new() }
    }

    pub(crate) fn find(&self, wanted: Wanted, name: &str) -> Option<i32> {
        let number = match wanted {
            Wanted::Any | Wanted::For(Number::None) => Number::None,
            Wanted::For(number) => return self.set.get(&(name.to_owned(), number)).copied(),
        };
        let from = (name.to_owned(), number);
        let mut set = self.set.range(from..).take_while(|((other, _), _)| other == name);
        let set = set.next().filter(|((_, found), _)| wanted == Wanted::Any || *found == number);
        set.map(|(_, value)| value).or_else(|| self.given.get(name)).copied()
    }

    pub(crate) fn set(&mut self, number: Number, name: &str, value: i32) {
        self.set.insert((name.to_owned(), number), value);
    }

    /// Takes away a property that the driver set; `None` where there is none.
    pub(crate) fn remove(&mut self, number: Number, name: &str) -> Option<i32> {
        self.set.remove(&(name.to_owned(), number))
    }

    /// Takes away all properties that the driver set.
    pub(crate) fn remove_all(&mut self) {
        self.set.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{Number, Properties, Wanted};

    #[test]
    fn a_drivers_property_hides_the_devices_until_it_is_removed() {
        let mut properties = Properties::new([("depth".to_owned(), 1)].into());
        assert_eq!(properties.find(Wanted::Any, "depth"), Some(1));
        properties.set(Number::None, "depth", 2);
        assert_eq!(properties.find(Wanted::Any, "depth"), Some(2));
        assert_eq!(properties.remove(Number::None, "depth"), Some(2));
        assert_eq!(properties.remove(Number::None, "depth"), None);
        assert_eq!(properties.find(Wanted::For(Number::None), "depth"), Some(1));
    }

    #[test]
    fn a_device_number_has_properties_of_its_own() {
        let mut properties = Properties::default();
        properties.set(Number::Of(7), "blocks", 100);
        properties.set(Number::Of(8), "blocks", 200);
        properties.set(Number::None, "block", 1);
        assert_eq!(properties.find(Wanted::For(Number::Of(8)), "blocks"), Some(200));
        assert_eq!(properties.find(Wanted::For(Number::Of(9)), "blocks"), None);
        assert_eq!(properties.find(Wanted::For(Number::None), "blocks"), None);
        assert_eq!(properties.find(Wanted::Any, "blocks"), Some(100));
        assert_eq!(properties.find(Wanted::For(Number::Of(7)), "block"), None);
        properties.remove_all();
        assert_eq!(properties.find(Wanted::Any, "blocks"), None);
    }
}
