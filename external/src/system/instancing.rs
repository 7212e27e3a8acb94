//! How services meet requests with instances: how many requests one handles, and where its memory
//! comes from.
//!
//! Two services are alike under load only if they agree in the first, whatever the engines are: an
//! instance of its own is the price of what a request cannot leave behind for the next.

use results::values::{Lifecycle, Named as _, Parameter as _, Pool};
use results::{Param, Params};

/// One way to meet requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Instancing {
    /// How many requests an instance handles.
    pub lifecycle: Lifecycle,
    /// The pool of an engine that can have one.
    pub pool: Option<Pool>,
}

impl Instancing {
    /// A process, which is one instance for all requests: machine code, and a guest that is a
    /// server itself.
    pub const PROCESS: Self = Self {
        lifecycle: Lifecycle::Reused,
        pool: None,
    };

    /// Of an engine that can have a pool.
    pub const fn of_engine(lifecycle: Lifecycle, pool: Pool) -> Self {
        Self {
            lifecycle,
            pool: Some(pool),
        }
    }

    /// The one that cells or requests of a system with a choice have; nothing if they name none.
    pub fn from_params(params: &Params) -> Option<Self> {
        Some(Self {
            lifecycle: Lifecycle::from_name(params.get(Param::Lifecycle)?)?,
            pool: params.get(Param::Pool).and_then(Pool::from_name),
        })
    }

    /// A name: `per-request-tuned`, `reused`.
    pub fn name(self) -> String {
        let pool = self.pool.map(|pool| format!("-{}", pool.name()));
        format!("{}{}", self.lifecycle.name(), pool.unwrap_or_default())
    }

    /// As cells have it.
    pub fn params(self) -> Params {
        let pool = self.pool.map(|pool| (Pool::PARAM.clone(), pool.name()));
        std::iter::once((Param::Lifecycle, self.lifecycle.name()))
            .chain(pool)
            .collect()
    }
}
