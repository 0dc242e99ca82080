//! WIP: hand-written expansion
#![forbid(unsafe_op_in_unsafe_fn)]
use tls_core as __tls_for_Worker;
pub struct Worker {
    pub name: String,
    log: Vec<String>,
    jobs: u64,
    #[doc(hidden)]
    __each_thread_has_its_own: __tls_for_Worker::__private_0_1_0::MadeOncePerThread<Self>,
}

const _: () = {
    use __tls_for_Worker as __tls;
    use __tls::__private_0_1_0 as __p;
    use __p::std as __std;
    __std::thread_local! {
        static SLOT: __p::Slot<Worker> = const {
            // SAFETY: …
            unsafe { __p::Slot::new() }
        };
    }
    // SAFETY: …
    unsafe impl __tls::ThreadLocalState for Worker {
        type Error = __std::num::ParseIntError;
        type Output<__R> = __std::result::Result<__R, Self::Error>;
        type __Storage = <__p::Select<{ __p::on_heap::<Self>() }> as __p::Selected>::For<Self>;
        const __INFO: &'static __p::Info = &__p::Info::new::<Self>("Worker", &["name", "log", "jobs"], false);
        const __KEY: &'static __std::thread::LocalKey<__p::Slot<Self>> = &SLOT;

        unsafe fn __init(
            __place: __std::ptr::NonNull<Self>,
        ) -> __std::result::Result<(), Self::Error> {
            let __make_0 = || -> String { String::from("worker") };
            let __make_1 = |name: &String| -> Vec<String> { vec![name.clone()] };
            let __make_2 = || -> __std::result::Result<u64, Self::Error> { Ok("12".parse()?) };
            let __tls_field_0 = unsafe { Self::NAME.__fill(__place, __make_0) };
            let __tls_field_1 = unsafe { Self::LOG.__fill(__place, || __make_1(__tls_field_0.get())) };
            let __tls_field_2 = unsafe { Self::JOBS.__try_fill(__place, __make_2) }?;
            __tls_field_0.keep();
            __tls_field_1.keep();
            __tls_field_2.keep();
            __std::result::Result::Ok(())
        }

        #[inline]
        fn __output<__R>(
            result: __std::result::Result<__R, Self::Error>,
        ) -> __std::result::Result<__R, Self::Error> {
            result
        }

        fn __source(
            error: &Self::Error,
        ) -> __std::option::Option<&(dyn __std::error::Error + 'static)> {
            Some(error)
        }
    }

    impl Worker {
        pub const NAME: __tls::Field<Self, String> = unsafe {
            __tls::Field::__new(__std::mem::offset_of!(Self, name), 0, |__state: &Self| &__state.name)
        };
        const LOG: __tls::Field<Self, Vec<String>> = unsafe {
            __tls::Field::__new(__std::mem::offset_of!(Self, log), 1, |__state: &Self| &__state.log)
        };
        const JOBS: __tls::Field<Self, u64> = unsafe {
            __tls::Field::__new(__std::mem::offset_of!(Self, jobs), 2, |__state: &Self| &__state.jobs)
        };

        #[inline]
        #[track_caller]
        pub fn with_state<R, F>(f: F) -> __std::result::Result<R, __std::num::ParseIntError>
        where
            F: FnOnce(&Self) -> R,
        {
            __p::with_state::<Self, R, F>(f)
        }
        #[inline]
        #[track_caller]
        pub fn with_state_mut<R, F>(f: F) -> __std::result::Result<R, __std::num::ParseIntError>
        where
            F: FnOnce(&mut Self) -> R,
        {
            __p::with_state_mut::<Self, R, F>(f)
        }
    }
};

fn main() {
    use tls_core::ThreadLocalState as _;
    assert!(!Worker::is_state_initialized());
    Worker::with_state_mut(|w| { w.jobs += 1; }).unwrap();
    println!("{:?}", Worker::with_state(|w| w.jobs));
    Worker::JOBS.update(|j| j + 1).unwrap();
    println!("{:?} {:?}", Worker::JOBS.get(), Worker::JOBS);
    Worker::LOG.with_mut(|l| { println!("{:?}", Worker::NAME.with(String::clone)); println!("{:?}", Worker::try_with_state(|_| ())); l.clear() }).unwrap();
    println!("{:?}", Worker::try_reset_state());
    assert!(!Worker::is_state_initialized());
    Worker::JOBS.scope(5, || Worker::JOBS.get()).unwrap().unwrap();
    let r = std::panic::catch_unwind(|| Worker::with_state(|_| Worker::JOBS.set(1)));
    let _ = r;
}
