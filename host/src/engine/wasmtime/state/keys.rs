//! What guests store: buckets of keys with their values, in bounded memory.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

use host_probe::limits::{HOST_CALL_BYTES, KEY_BYTES, KEYVALUE_BYTES};

/// What this process's guests have stored. A server is a process, and so is a start: state lives as
/// long as the one that it belongs to.
pub(super) static KEYS: Keys = Keys(Mutex::new(Contents::new()));

/// What somebody who opened a bucket may change, one at a time.
pub(super) struct Keys(Mutex<Contents>);

impl Keys {
    /// What is changed is whole whenever somebody panics.
    pub(super) fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why something cannot be stored or told, as the guest is told.
pub(super) type Refused = String;

/// Names of buckets, and keys, are short: the host keeps them for what is open, too.
pub(super) fn check_name(name: &str) -> Result<(), Refused> {
    if name.len() <= KEY_BYTES {
        return Ok(());
    }
    Err(format!("a name is of {KEY_BYTES} bytes at the most"))
}

/// Buckets of keys with their values.
pub(super) struct Contents {
    buckets: BTreeMap<String, BTreeMap<String, Value>>,
    bytes: usize,
    /// How often something was set: no two values have the same number.
    changes: u64,
}

struct Value {
    bytes: Vec<u8>,
    change: u64,
}

/// Some of the keys of a bucket, and how many come before the next ones, if there are any.
pub(super) struct Page {
    pub(super) keys: Vec<String>,
    pub(super) next: Option<u64>,
}

/// What [`Contents::get_many`] finds.
pub(super) type Found = Vec<Option<(String, Vec<u8>)>>;

impl Contents {
    /// What keeping a key, or a bucket, takes besides its bytes, at the least.
    const ENTRY_BYTES: usize = 128;

    const fn new() -> Self {
        Self {
            buckets: BTreeMap::new(),
            bytes: 0,
            changes: 0,
        }
    }

    fn value(&self, bucket: &str, key: &str) -> Option<&Value> {
        self.buckets.get(bucket)?.get(key)
    }

    pub(super) fn get(&self, bucket: &str, key: &str) -> Option<&Vec<u8>> {
        self.value(bucket, key).map(|value| &value.bytes)
    }

    /// By which it is known later whether a key was changed in between. Nothing if it is not there.
    pub(super) fn change(&self, bucket: &str, key: &str) -> Option<u64> {
        self.value(bucket, key).map(|value| value.change)
    }

    /// Sets a value, or refuses that and changes nothing.
    pub(super) fn set(&mut self, bucket: &str, key: String, bytes: Vec<u8>) -> Result<(), Refused> {
        check_name(&key)?;
        let of_bucket = if self.buckets.contains_key(bucket) {
            0
        } else {
            Self::ENTRY_BYTES + bucket.len()
        };
        let old = self.get(bucket, &key);
        let freed = old.map_or(0, |old| Self::ENTRY_BYTES + key.len() + old.len());
        let taken = of_bucket + Self::ENTRY_BYTES + key.len() + bytes.len();
        let total = self.bytes - freed + taken;
        if total > KEYVALUE_BYTES {
            let most = KEYVALUE_BYTES / (1024 * 1024);
            return Err(format!("the store is full: it keeps {most} MiB"));
        }
        self.bytes = total;
        self.changes += 1;
        let change = self.changes;
        let bucket = self.buckets.entry(bucket.to_owned()).or_default();
        bucket.insert(key, Value { bytes, change });
        Ok(())
    }

    pub(super) fn delete(&mut self, bucket: &str, key: &str) {
        let Some(keys) = self.buckets.get_mut(bucket) else {
            return;
        };
        if let Some(value) = keys.remove(key) {
            self.bytes -= Self::ENTRY_BYTES + key.len() + value.bytes.len();
        }
        if keys.is_empty() {
            self.buckets.remove(bucket);
            self.bytes -= Self::ENTRY_BYTES + bucket.len();
        }
    }

    /// Keys in order, from the one that so many come before.
    pub(super) fn keys(&self, bucket: &str, before: u64) -> Page {
        const PAGE: usize = 1_000;
        let from = usize::try_from(before).unwrap_or(usize::MAX);
        let all = self.buckets.get(bucket);
        let mut rest = all.into_iter().flatten().skip(from);
        let keys = rest.by_ref().take(PAGE).map(|(key, _)| key.clone());
        let keys: Vec<_> = keys.collect();
        let more = rest.next().is_some();
        Page {
            next: more.then_some(before.saturating_add(PAGE as u64)),
            keys,
        }
    }

    /// Adds to a number in decimal digits, which a key that is not there has as 0.
    pub(super) fn increment(
        &mut self,
        bucket: &str,
        key: String,
        delta: i128,
        numbers: &RangeInclusive<i128>,
    ) -> Result<i128, Refused> {
        let number = match self.get(bucket, &key) {
            None => 0,
            Some(value) => std::str::from_utf8(value)
                .ok()
                .and_then(|digits| digits.parse::<i128>().ok())
                .filter(|number| numbers.contains(number))
                .ok_or("the value is no number")?,
        };
        let sum = number + delta;
        if !numbers.contains(&sum) {
            return Err("the number is too large".to_owned());
        }
        self.set(bucket, key, sum.to_string().into_bytes())?;
        Ok(sum)
    }

    /// The values of several keys. The same long one, asked for often, is no way to memory.
    pub(super) fn get_many(&self, bucket: &str, keys: Vec<String>) -> Result<Found, Refused> {
        let mut bytes = 0;
        let mut found = Vec::new();
        for key in keys {
            let value = self.get(bucket, &key);
            bytes += value.map_or(0, Vec::len);
            if bytes > HOST_CALL_BYTES {
                return Err("too much is asked for at once".to_owned());
            }
            found.push(value.cloned().map(|value| (key, value)));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNSIGNED: RangeInclusive<i128> = 0..=u64::MAX as i128;
    const SIGNED: RangeInclusive<i128> = i64::MIN as i128..=i64::MAX as i128;

    fn filled(keys: u32) -> Contents {
        let mut contents = Contents::new();
        for n in 0..keys {
            contents.set("b", format!("{n:05}"), vec![7]).unwrap();
        }
        contents
    }

    #[test]
    fn what_is_deleted_leaves_nothing_behind() {
        let mut contents = filled(3);
        contents.set("b", "00001".into(), vec![0; 1_000]).unwrap();
        contents.set("", String::new(), vec![]).unwrap();
        assert_eq!(contents.get("b", "00001").map(Vec::len), Some(1_000));
        assert_eq!(contents.get("", ""), Some(&vec![]));
        for n in 0..4 {
            contents.delete("b", &format!("{n:05}"));
        }
        contents.delete("", "");
        contents.delete("nothing", "");
        assert_eq!((contents.bytes, contents.buckets.len()), (0, 0));
    }

    #[test]
    fn the_store_is_bounded_whatever_it_is_filled_with() {
        let mut contents = filled(1);
        let most = vec![0; KEYVALUE_BYTES];
        let full = contents.set("b", "x".into(), most).unwrap_err();
        assert!(full.contains("64 MiB"), "{full}");
        assert_eq!(contents.get("b", "x"), None);
        let before = contents.bytes;
        // Buckets and keys without a byte in them take room too.
        let mut n = 0_u32;
        while contents.set(&format!("{n}"), String::new(), vec![]).is_ok() {
            n += 1;
        }
        assert!((n as usize) < KEYVALUE_BYTES / Contents::ENTRY_BYTES);
        for n in 0..n {
            contents.delete(&format!("{n}"), "");
        }
        assert_eq!(contents.bytes, before);
        // What is there can be replaced in a full store.
        let room = KEYVALUE_BYTES - contents.bytes;
        let value = vec![0; room - Contents::ENTRY_BYTES - 1];
        contents.set("b", "x".into(), value.clone()).unwrap();
        contents.set("b", "x".into(), value).unwrap();
        contents.set("b", "y".into(), vec![]).unwrap_err();
    }

    #[test]
    fn keys_come_in_pages_and_each_once() {
        let contents = filled(2_500);
        let (mut seen, mut next) = (Vec::new(), Some(0));
        while let Some(before) = next {
            let page = contents.keys("b", before);
            seen.extend(page.keys);
            next = page.next;
        }
        let expected: Vec<_> = (0..2_500).map(|n| format!("{n:05}")).collect();
        assert_eq!(seen, expected);
        assert_eq!(contents.keys("b", u64::MAX).keys.len(), 0);
        assert_eq!(contents.keys("nothing", 0).keys.len(), 0);
    }

    #[test]
    fn a_number_is_incremented_or_the_guest_is_told() {
        let mut contents = Contents::new();
        let mut add = |delta, numbers| contents.increment("b", "n".into(), delta, &numbers);
        assert_eq!(add(2, UNSIGNED), Ok(2));
        assert_eq!(add(40, UNSIGNED), Ok(42));
        assert!(add(u64::MAX.into(), UNSIGNED).is_err());
        assert_eq!(add(-43, SIGNED), Ok(-1));
        assert!(add(1, UNSIGNED).is_err(), "it is none of these numbers");
        assert!(add(i64::MIN.into(), SIGNED).is_err());
        assert_eq!(contents.get("b", "n"), Some(&b"-1".to_vec()));
        contents.set("b", "n".into(), vec![0xff]).unwrap();
        assert!(contents.increment("b", "n".into(), 1, &SIGNED).is_err());
    }

    #[test]
    fn one_long_value_asked_for_often_is_refused() {
        let mut contents = Contents::new();
        contents.set("b", "k".into(), vec![0; 1024 * 1024]).unwrap();
        let few = contents
            .get_many("b", vec!["k".into(), "x".into()])
            .unwrap();
        assert!(few[0].is_some() && few[1].is_none());
        assert!(contents.get_many("b", vec!["k".into(); 100]).is_err());
    }

    #[test]
    fn what_was_changed_in_between_is_known() {
        let mut contents = filled(1);
        let change = contents.change("b", "00000");
        assert!(change.is_some());
        contents.set("b", "other".into(), vec![]).unwrap();
        assert_eq!(contents.change("b", "00000"), change);
        // The same value, and even the same key after it was gone, is another change.
        contents.set("b", "00000".into(), vec![7]).unwrap();
        assert_ne!(contents.change("b", "00000"), change);
        contents.delete("b", "00000");
        assert_eq!(contents.change("b", "00000"), None);
    }

    #[test]
    fn names_are_short() {
        let mut contents = Contents::new();
        let longest = "x".repeat(KEY_BYTES);
        contents.set("b", longest.clone(), vec![]).unwrap();
        contents.set("b", longest + "x", vec![]).unwrap_err();
    }
}
