//! Names that are keywords.

#![deny(warnings)]

use tls_core::thread_local_state;

#[thread_local_state]
#[allow(non_camel_case_types)]
struct r#struct {
    r#type: u64,
    #[state(init = *r#type + 1)]
    r#fn: u64,
    #[state(init = format!("{type} {}", r#fn))]
    r#match: String,
}

#[thread_local_state(explicit)]
struct Explicit {
    r#type: u64,
    #[state(init = r#type + 1)]
    next: u64,
}

fn main() {
    r#struct::TYPE.with(|value| assert_eq!(*value, 0));
    assert_eq!(r#struct::FN.get(), 1);
    r#struct::with_state(|state| assert_eq!(state.r#match, "0 1"));
    r#struct::with_state(|state| assert_eq!(state.r#type + 1, state.r#fn));
    Explicit::state().init_with(ExplicitInit { r#type: 4 });
    assert_eq!(Explicit::NEXT.get(), 5);
    Explicit::with_state(|state| assert_eq!(state.r#type + 1, state.next));
}
