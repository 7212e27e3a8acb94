//! `wasi:keyvalue`: its two drafts, on what [`super::keys`] keeps.

use wasmtime::StoreContextMut;
use wasmtime::component::{
    ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType,
};

use super::Stateful;
use super::keys::{KEYS, Page, Refused, check_name};

/// The interfaces: three of each draft.
pub(crate) const INTERFACES: [&str; 6] = [
    "wasi:keyvalue/store@0.2.0-draft",
    "wasi:keyvalue/atomics@0.2.0-draft",
    "wasi:keyvalue/batch@0.2.0-draft",
    "wasi:keyvalue/store@0.2.0-draft2",
    "wasi:keyvalue/atomics@0.2.0-draft2",
    "wasi:keyvalue/batch@0.2.0-draft2",
];

/// `variant error` of `store`.
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

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Other(refused)
    }
}

/// `record key-response` of the first draft.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
struct KeyResponse {
    keys: Vec<String>,
    cursor: Option<u64>,
}

/// The same of the second, whose cursors are text.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
struct KeyResponse2 {
    keys: Vec<String>,
    cursor: Option<String>,
}

/// `variant cas-error` of the second draft.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum CasError {
    #[component(name = "store-error")]
    Store(Error),
    #[component(name = "cas-failed")]
    Failed(Resource<Cas>),
}

/// A bucket that a guest has opened: its name.
struct Bucket(String);

/// A key that is set only if nobody has changed it since.
struct Cas {
    bucket: String,
    key: String,
    change: Option<u64>,
}

impl Cas {
    fn now(bucket: String, key: String) -> Self {
        let change = KEYS.lock().change(&bucket, &key);
        Self {
            bucket,
            key,
            change,
        }
    }
}

/// Defines all of both drafts.
pub(super) fn add_to_linker<T: Stateful>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let [store, atomics, batch, store2, atomics2, batch2] = INTERFACES;
    let mut instance = linker.instance(store)?;
    add_store(&mut instance)?;
    instance.func_wrap(
        "[method]bucket.list-keys",
        |mut store: StoreContextMut<'_, T>, (bucket, cursor): (Resource<Bucket>, Option<u64>)| {
            let bucket = name(&mut store, &bucket)?;
            let Page { keys, next } = KEYS.lock().keys(&bucket, cursor.unwrap_or(0));
            Ok((Ok::<_, Error>(KeyResponse { keys, cursor: next }),))
        },
    )?;
    add_increment(&mut linker.instance(atomics)?)?;
    add_batch(&mut linker.instance(batch)?)?;
    let mut instance = linker.instance(store2)?;
    add_store(&mut instance)?;
    instance.func_wrap(
        "[method]bucket.list-keys",
        |mut store: StoreContextMut<'_, T>,
         (bucket, cursor): (Resource<Bucket>, Option<String>)| {
            let bucket = name(&mut store, &bucket)?;
            let Ok(before) = cursor.map_or(Ok(0), |cursor| cursor.parse()) else {
                return Ok((Err(Error::Other("there is no such cursor".to_owned())),));
            };
            let Page { keys, next } = KEYS.lock().keys(&bucket, before);
            let cursor = next.map(|next| next.to_string());
            Ok((Ok(KeyResponse2 { keys, cursor }),))
        },
    )?;
    add_atomics2(&mut linker.instance(atomics2)?)?;
    add_batch(&mut linker.instance(batch2)?)
}

/// The name of an open bucket.
fn name<T: Stateful>(
    store: &mut StoreContextMut<'_, T>,
    bucket: &Resource<Bucket>,
) -> wasmtime::Result<String> {
    Ok(store.data_mut().table().get(bucket)?.0.clone())
}

/// `store`, but for `list-keys`.
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
            if check_name(&name).is_err() {
                return Ok((Err(Error::NoSuchStore),));
            }
            // Each name is a bucket of its own, empty at first.
            let bucket = store.data_mut().table().push(Bucket(name))?;
            Ok((Ok(bucket),))
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
            let set = KEYS.lock().set(&bucket, key, value);
            Ok((set.map_err(Error::from),))
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
    )
}

/// `atomics` of the first draft.
fn add_increment<T: Stateful>(instance: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    instance.func_wrap(
        "increment",
        |mut store: StoreContextMut<'_, T>,
         (bucket, key, delta): (Resource<Bucket>, String, u64)| {
            let bucket = name(&mut store, &bucket)?;
            let numbers = 0..=u64::MAX.into();
            let sum = KEYS.lock().increment(&bucket, key, delta.into(), &numbers);
            let sum = sum.map(|sum| u64::try_from(sum).expect("it is one of these numbers"));
            Ok((sum.map_err(Error::from),))
        },
    )
}

/// `atomics` of the second draft: signed numbers, and a key that is set only if nobody else has.
fn add_atomics2<T: Stateful>(instance: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    instance.func_wrap(
        "increment",
        |mut store: StoreContextMut<'_, T>,
         (bucket, key, delta): (Resource<Bucket>, String, i64)| {
            let bucket = name(&mut store, &bucket)?;
            let numbers = i64::MIN.into()..=i64::MAX.into();
            let sum = KEYS.lock().increment(&bucket, key, delta.into(), &numbers);
            let sum = sum.map(|sum| i64::try_from(sum).expect("it is one of these numbers"));
            Ok((sum.map_err(Error::from),))
        },
    )?;
    instance.resource(
        "cas",
        ResourceType::host::<Cas>(),
        |mut store: StoreContextMut<'_, T>, number| {
            store
                .data_mut()
                .table()
                .delete(Resource::<Cas>::new_own(number))?;
            Ok(())
        },
    )?;
    instance.func_wrap(
        "[static]cas.new",
        |mut store: StoreContextMut<'_, T>, (bucket, key): (Resource<Bucket>, String)| {
            let bucket = name(&mut store, &bucket)?;
            if let Err(refused) = check_name(&key) {
                return Ok((Err(Error::from(refused)),));
            }
            let cas = store.data_mut().table().push(Cas::now(bucket, key))?;
            Ok((Ok(cas),))
        },
    )?;
    instance.func_wrap(
        "[method]cas.current",
        |mut store: StoreContextMut<'_, T>, (cas,): (Resource<Cas>,)| {
            let Cas { bucket, key, .. } = store.data_mut().table().get(&cas)?;
            let value = KEYS.lock().get(bucket, key).cloned();
            Ok((Ok::<_, Error>(value),))
        },
    )?;
    instance.func_wrap(
        "swap",
        |mut store: StoreContextMut<'_, T>, (cas, value): (Resource<Cas>, Vec<u8>)| {
            let cas = store.data_mut().table().delete(cas)?;
            let set = {
                let mut keys = KEYS.lock();
                (keys.change(&cas.bucket, &cas.key) == cas.change)
                    .then(|| keys.set(&cas.bucket, cas.key.clone(), value))
            };
            Ok((match set {
                Some(set) => set.map_err(|refused| CasError::Store(refused.into())),
                None => {
                    let again = Cas::now(cas.bucket, cas.key);
                    Err(CasError::Failed(store.data_mut().table().push(again)?))
                }
            },))
        },
    )
}

/// `batch`, which both drafts have alike.
fn add_batch<T: Stateful>(instance: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    instance.func_wrap(
        "get-many",
        |mut store: StoreContextMut<'_, T>, (bucket, keys): (Resource<Bucket>, Vec<String>)| {
            let bucket = name(&mut store, &bucket)?;
            let found = KEYS.lock().get_many(&bucket, keys);
            Ok((found.map_err(Error::from),))
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
            Ok((set.map_err(Error::from),))
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
