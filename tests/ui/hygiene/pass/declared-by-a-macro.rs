//! States that a `macro_rules!` declares.

#![deny(warnings)]
#![forbid(unsafe_code)]

macro_rules! counter {
    ($(#[$attr:meta])* $vis:vis $name:ident { $($inner:vis $field:ident: $ty:ty = $init:expr),* $(,)? }) => {
        $(#[$attr])*
        #[tls_core::thread_local_state]
        $vis struct $name {
            $(#[state(init = $init)] $inner $field: $ty,)*
            $vis fixed: u64,
        }
    };
}

counter! {
    /// Counts.
    #[derive(Debug)]
    pub Worker { jobs: u64 = 1 + 1, names: Vec<u8> = vec![0; 3], both: usize = names.len() + *jobs as usize }
}

mod inner {
    counter!(pub(crate) Worker { pub jobs: i32 = -1 });
}

macro_rules! fallible {
    ($name:ident, $error:ty) => {
        #[tls_core::thread_local_state(error = $error)]
        struct $name(#[state(init = "5".parse::<u64>()?)] u64);
    };
}

fallible!(Parsed, std::num::ParseIntError);

macro_rules! local {
    ($name:ident) => {{
        #[tls_core::thread_local_state(in_function)]
        struct $name {
            jobs: u64,
        }

        $name::JOBS.update(|jobs| jobs + 1);
        $name::with_state(|state| state.jobs)
    }};
}

fn main() {
    assert_eq!(Worker::BOTH.get(), 5);
    assert_eq!(inner::Worker::JOBS.get(), -1);
    Worker::with_state(|worker| assert_eq!(worker.names.len() as u64 + worker.jobs + worker.fixed, worker.both as u64));
    inner::Worker::with_state(|worker| assert_eq!(format!("{} {}", worker.jobs, worker.fixed), "-1 0"));
    assert_eq!(Parsed::with_state(|state| state.0), Ok(5));
    assert_eq!(local!(Here), 1);
}
