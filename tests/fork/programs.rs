//! Starting another program, which forks as well, or seems to.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::kinds::{Counting, Inline, assert_own, make_own};
use crate::support::{alone, noted, on_thread};

fn run_a_program() {
    assert!(Command::new("true").status().unwrap().success());
    let mut command = Command::new("true");
    let in_the_child = || {
        // Between fork and exec, where little is allowed; this does not allocate.
        let is_there = Inline::state().is_initialized() || Counting::COUNT.total() != 0;
        if is_there {
            Err(io::ErrorKind::Other.into())
        } else {
            Ok(())
        }
    };
    // SAFETY: it reads thread-locals and atomics.
    unsafe { command.pre_exec(in_the_child) };
    assert!(command.status().unwrap().success());
}

/// Fails if the parent is touched by a fork that is followed by another program.
#[test]
fn a_program_that_is_started_changes_nothing_here() {
    alone(|| {
        make_own::<Inline>(1);
        Counting::COUNT.add(5);
        run_a_program();
        assert_own::<Inline>(1);
        assert_eq!(Counting::COUNT.total(), 5);
        on_thread(|| {
            make_own::<Inline>(2);
            run_a_program();
            assert_own::<Inline>(2);
        });
        assert_own::<Inline>(1);
        assert_eq!(noted(), ["parent drops Inline of parent"]);
    });
}

/// As above, inside of an access, where `pre_exec` finds the value still there.
#[test]
fn a_program_that_is_started_inside_an_access_changes_nothing_here() {
    alone(|| {
        make_own::<Inline>(1);
        Inline::NUMBER.with_mut(|number| {
            assert!(Command::new("true").status().unwrap().success());
            let mut command = Command::new("true");
            // SAFETY: nothing that is not allowed there.
            unsafe { command.pre_exec(|| Ok(())) };
            assert!(command.status().unwrap().success());
            *number += 1;
        });
        assert_own::<Inline>(2);
    });
}
