//! `wasi:config` and `wasi:keyvalue` for the components that import them.
//!
//! Written out, and not taken from the engine's own crates for them: those know one draft of
//! `wasi:config`, of which services import several with the same functions; and their store copies
//! all of its data into each bucket that is opened, so that nothing which is written is ever seen by
//! the next request, and nothing bounds it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use host_probe::given::{Interfaces, Variable};
use host_probe::limits::{HOST_CALL_BYTES, KEYVALUE_BYTES};
use wasmtime::StoreContextMut;
use wasmtime::component::{
    ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceTable, ResourceType,
};

/// The drafts of `wasi:config` that are known: all of them have the same two functions.
pub(crate) const CONFIG: [&str; 4] = [
    "wasi:config/store@0.2.0-rc.1",
    "wasi:config/store@0.2.0-draft",
    "wasi:config/store@0.2.0-draft-2024-09-27",
    "wasi:config/runtime@0.2.0-draft",
];

/// The interfaces of `wasi:keyvalue`.
pub(crate) const KEYVALUE: [&str; 3] = [STORE, ATOMICS, BATCH];

const STORE: &str = "wasi:keyvalue/store@0.2.0-draft";
const ATOMICS: &str = "wasi:keyvalue/atomics@0.2.0-draft";
const BATCH: &str = "wasi:keyvalue/batch@0.2.0-draft";

/// Whether this is an interface of these two.
pub(crate) fn has(interface: &str) -> bool {
    CONFIG.contains(&interface) || KEYVALUE.contains(&interface)
}

/// The data of a store whose guest may import them.
pub(crate) trait Stateful: Send + 'static {
    /// Where what the host keeps for the guest is.
    fn table(&mut self) -> &mut ResourceTable;
    /// What the guest is configured with.
    fn config(&self) -> &[Variable];
}

/// Defines those that are imported.
///
/// # Errors
/// The engine's own.
pub(crate) fn add_to_linker<T: Stateful>(
    linker: &mut Linker<T>,
    imported: Interfaces,
) -> wasmtime::Result<()> {
    if imported.config {
        for name in CONFIG {
            add_config(&mut linker.instance(name)?)?;
        }
    }
    if imported.keyvalue {
        add_store(&mut linker.instance(STORE)?)?;
        add_atomics(&mut linker.instance(ATOMICS)?)?;
        add_batch(&mut linker.instance(BATCH)?)?;
    }
    Ok(())
}

/// `variant error` of `wasi:config`, of which no host function here makes any.
#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(variant)]
enum ConfigError {
    #[component(name = "upstream")]
    Upstream(String),
    #[component(name = "io")]
    Io(String),
}

fn add_config<T: Stateful>(instance: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    instance.func_wrap("get", |store: StoreContextMut<'_, T>, (key,): (String,)| {
        let mut config = store.data().config().iter();
        // As in the environment of a process, the last of a name is the one that counts.
        let found = config.rfind(|variable| variable.name == key);
        let value = found.map(|variable| variable.value.clone());
        Ok((Ok::<_, ConfigError>(value),))
    })?;
    instance.func_wrap("get-all", |store: StoreContextMut<'_, T>, (): ()| {
        let config = store.data().config().iter();
        let all: BTreeMap<_, _> = config
            .map(|Variable { name, value }| (name.clone(), value.clone()))
            .collect();
        Ok((Ok::<Vec<_>, ConfigError>(all.into_iter().collect()),))
    })
}

/// `variant error` of `wasi:keyvalue/store`.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(variant)]
enum Error {
    #[component(name = "no-such-store")]
    NoSuchStore,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "other")]
    Other(String),
}

/// `record key-response` of `wasi:keyvalue/store`.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
struct KeyResponse {
    keys: Vec<String>,
    cursor: Option<u64>,
}

/// A bucket that a guest has opened: its name.
struct Bucket(String);

/// What this process's guests have stored. A server is a process, and so is a start: state lives as
/// long as the one that it belongs to.
static KEYS: Keys = Keys(Mutex::new(Contents::new()));

/// Buckets of keys with their values, in bounded memory.
struct Keys(Mutex<Contents>);

struct Contents {
    buckets: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    bytes: usize,
}

impl Contents {
    /// What keeping a key, or a bucket, takes besides its bytes, at the least.
    const ENTRY_BYTES: usize = 128;

    const fn new() -> Self {
        Self {
            buckets: BTreeMap::new(),
            bytes: 0,
        }
    }

    fn get(&self, bucket: &str, key: &str) -> Option<&Vec<u8>> {
        self.buckets.get(bucket)?.get(key)
    }

    /// Makes room for a value, or for nothing in place of one, or refuses it and changes nothing.
    fn set(&mut self, bucket: &str, key: String, value: Vec<u8>) -> Result<(), Error> {
        let of_bucket = if self.buckets.contains_key(bucket) {
            0
        } else {
            Self::ENTRY_BYTES + bucket.len()
        };
        let old = self.get(bucket, &key);
        let freed = old.map_or(0, |old| Self::ENTRY_BYTES + key.len() + old.len());
        let taken = of_bucket + Self::ENTRY_BYTES + key.len() + value.len();
        let bytes = self.bytes - freed + taken;
        if bytes > KEYVALUE_BYTES {
            return Err(Error::Other(format!(
                "the store is full: it keeps {} MiB",
                KEYVALUE_BYTES / (1024 * 1024)
            )));
        }
        self.bytes = bytes;
        let bucket = self.buckets.entry(bucket.to_owned()).or_default();
        bucket.insert(key, value);
        Ok(())
    }

    fn delete(&mut self, bucket: &str, key: &str) {
        let Some(keys) = self.buckets.get_mut(bucket) else {
            return;
        };
        if let Some(value) = keys.remove(key) {
            self.bytes -= Self::ENTRY_BYTES + key.len() + value.len();
        }
        if keys.is_empty() {
            self.buckets.remove(bucket);
            self.bytes -= Self::ENTRY_BYTES + bucket.len();
        }
    }

    /// Keys in order, a page of them from the one that the cursor counts to.
    fn keys(&self, bucket: &str, cursor: u64) -> KeyResponse {
        const PAGE: usize = 1_000;
        let from = usize::try_from(cursor).unwrap_or(usize::MAX);
        let all = self.buckets.get(bucket);
        let mut rest = all.into_iter().flatten().skip(from);
        let keys: Vec<_> = rest
            .by_ref()
            .take(PAGE)
            .map(|(key, _)| key.clone())
            .collect();
        let more = rest.next().is_some();
        KeyResponse {
            cursor: more.then_some(cursor.saturating_add(PAGE as u64)),
            keys,
        }
    }

    /// A number in decimal digits, which a key that is not there has as 0.
    fn increment(&mut self, bucket: &str, key: String, delta: u64) -> Result<u64, Error> {
        let number = match self.get(bucket, &key) {
            None => 0,
            Some(value) => std::str::from_utf8(value)
                .ok()
                .and_then(|digits| digits.parse::<u64>().ok())
                .ok_or_else(|| Error::Other("the value is no number".to_owned()))?,
        };
        let sum = number
            .checked_add(delta)
            .ok_or_else(|| Error::Other("the number is too large".to_owned()))?;
        self.set(bucket, key, sum.to_string().into_bytes())?;
        Ok(sum)
    }

    /// The values of several keys. The same long one, asked for often, is no way to memory.
    fn get_many(&self, bucket: &str, keys: Vec<String>) -> Result<Found, Error> {
        let mut bytes = 0;
        let mut found = Vec::new();
        for key in keys {
            let value = self.get(bucket, &key);
            bytes += value.map_or(0, Vec::len);
            if bytes > HOST_CALL_BYTES {
                return Err(Error::Other("too much is asked for at once".to_owned()));
            }
            found.push(value.cloned().map(|value| (key, value)));
        }
        Ok(found)
    }
}

/// What [`Contents::get_many`] finds.
type Found = Vec<Option<(String, Vec<u8>)>>;

impl Keys {
    /// What is changed is whole whenever somebody panics.
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of an open bucket.
fn name<T: Stateful>(
    store: &mut StoreContextMut<'_, T>,
    bucket: &Resource<Bucket>,
) -> wasmtime::Result<String> {
    Ok(store.data_mut().table().get(bucket)?.0.clone())
}

fn add_store<T: Stateful>(instance: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    instance.resource(
        "bucket",
        ResourceType::host::<Bucket>(),
        |mut store: StoreContextMut<'_, T>, number| {
            let bucket = Resource::<Bucket>::new_own(number);
            store.data_mut().table().delete(bucket)?;
            Ok(())
        },
    )?;
    instance.func_wrap(
        "open",
        |mut store: StoreContextMut<'_, T>, (name,): (String,)| {
            // Each name is a bucket of its own, empty at first.
            let bucket = store.data_mut().table().push(Bucket(name))?;
            Ok((Ok::<_, Error>(bucket),))
        },
    )?;
    instance.func_wrap(
        "[method]bucket.get",
        |mut store: StoreContextMut<'_, T>, (bucket, key): (Resource<Bucket>, String)| {
            let bucket = name(&mut store, &bucket)?;
            let value = KEYS.lock().get(&bucket, &key).cloned();
            Ok((Ok::<_, Error>(value),))
        },
    )?;
    instance.func_wrap(
        "[method]bucket.set",
        |mut store: StoreContextMut<'_, T>,
         (bucket, key, value): (Resource<Bucket>, String, Vec<u8>)| {
            let bucket = name(&mut store, &bucket)?;
            Ok((KEYS.lock().set(&bucket, key, value),))
        },
    )?;
    instance.func_wrap(
        "[method]bucket.delete",
        |mut store: StoreContextMut<'_, T>, (bucket, key): (Resource<Bucket>, String)| {
            let bucket = name(&mut store, &bucket)?;
            KEYS.lock().delete(&bucket, &key);
            Ok((Ok::<_, Error>(()),))
        },
    )?;
    instance.func_wrap(
        "[method]bucket.exists",
        |mut store: StoreContextMut<'_, T>, (bucket, key): (Resource<Bucket>, String)| {
            let bucket = name(&mut store, &bucket)?;
            let exists = KEYS.lock().get(&bucket, &key).is_some();
            Ok((Ok::<_, Error>(exists),))
        },
    )?;
    instance.func_wrap(
        "[method]bucket.list-keys",
        |mut store: StoreContextMut<'_, T>, (bucket, cursor): (Resource<Bucket>, Option<u64>)| {
            let bucket = name(&mut store, &bucket)?;
            let keys = KEYS.lock().keys(&bucket, cursor.unwrap_or(0));
            Ok((Ok::<_, Error>(keys),))
        },
    )
}

fn add_atomics<T: Stateful>(instance: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    instance.func_wrap(
        "increment",
        |mut store: StoreContextMut<'_, T>,
         (bucket, key, delta): (Resource<Bucket>, String, u64)| {
            let bucket = name(&mut store, &bucket)?;
            Ok((KEYS.lock().increment(&bucket, key, delta),))
        },
    )
}

fn add_batch<T: Stateful>(instance: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    instance.func_wrap(
        "get-many",
        |mut store: StoreContextMut<'_, T>, (bucket, keys): (Resource<Bucket>, Vec<String>)| {
            let bucket = name(&mut store, &bucket)?;
            Ok((KEYS.lock().get_many(&bucket, keys),))
        },
    )?;
    instance.func_wrap(
        "set-many",
        |mut store: StoreContextMut<'_, T>,
         (bucket, values): (Resource<Bucket>, Vec<(String, Vec<u8>)>)| {
            let bucket = name(&mut store, &bucket)?;
            let mut keys = KEYS.lock();
            // One after another, until one does not fit: the interface promises no more.
            let mut values = values.into_iter();
            let set = values.try_for_each(|(key, value)| keys.set(&bucket, key, value));
            Ok((set,))
        },
    )?;
    instance.func_wrap(
        "delete-many",
        |mut store: StoreContextMut<'_, T>, (bucket, keys): (Resource<Bucket>, Vec<String>)| {
            let bucket = name(&mut store, &bucket)?;
            let mut contents = KEYS.lock();
            keys.iter().for_each(|key| contents.delete(&bucket, key));
            Ok((Ok::<_, Error>(()),))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(matches!(
            contents.set("b", "x".into(), most),
            Err(Error::Other(_))
        ));
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
        let (mut seen, mut cursor) = (Vec::new(), Some(0));
        while let Some(from) = cursor {
            let page = contents.keys("b", from);
            seen.extend(page.keys);
            cursor = page.cursor;
        }
        let expected: Vec<_> = (0..2_500).map(|n| format!("{n:05}")).collect();
        assert_eq!(seen, expected);
        assert_eq!(contents.keys("b", u64::MAX).keys.len(), 0);
        assert_eq!(contents.keys("nothing", 0).keys.len(), 0);
    }

    #[test]
    fn a_number_is_incremented_or_the_guest_is_told() {
        let mut contents = Contents::new();
        assert_eq!(contents.increment("b", "n".into(), 2), Ok(2));
        assert_eq!(contents.increment("b", "n".into(), 40), Ok(42));
        assert_eq!(contents.get("b", "n"), Some(&b"42".to_vec()));
        assert!(contents.increment("b", "n".into(), u64::MAX).is_err());
        contents.set("b", "n".into(), vec![0xff]).unwrap();
        assert!(contents.increment("b", "n".into(), 1).is_err());
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
}
