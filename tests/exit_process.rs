//! What happens at the end of a process, and on standard error: each scenario is this same
//! program again, as a child.
//!
//! It has a `main` of its own because the test harness runs nothing on the main thread.

use std::any::Any;
use std::env;
#[cfg(target_os = "linux")]
use std::fs::File;
use std::panic::panic_any;
use std::process::{Command, ExitCode, Output, Stdio, exit};
use std::sync::Mutex;
use std::thread;

use tls_core::{borrow_mut, thread_local_state};

const SCENARIO: &str = "TLS_STATE_TEST_SCENARIO";

/// Says on standard output when it is dropped.
struct Bell(&'static str);

impl Drop for Bell {
    fn drop(&mut self) {
        say(&format!("dropped {}", self.0));
        let on_drop = *ON_DROP.lock().unwrap();
        if let Some((name, action)) = on_drop
            && name == self.0
        {
            action();
        }
    }
}

/// Not `println!`: it would panic where the process has closed its standard output.
fn say(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// The name of a bell, and what it does when it is dropped.
type OnDrop = (&'static str, fn());

/// Of the one thread that drops something. No thread-local: not everywhere are those accessible in destructors.
static ON_DROP: Mutex<Option<OnDrop>> = Mutex::new(None);

thread_local! {
    /// How the standard library treats its own on the main thread of this platform.
    static FOREIGN: Bell = const { Bell("foreign") };
    /// One that a scenario touches after states.
    static LATER: Bell = const { Bell("later") };
}

fn on_drop(name: &'static str, action: fn()) {
    *ON_DROP.lock().unwrap() = Some((name, action));
}

macro_rules! states {
    ($($Name:ident($($args:tt)*) $init:expr;)*) => {
        $(#[thread_local_state($($args)*)]
        struct $Name {
            #[state(init = $init)]
            bell: Bell,
            #[state(init = 1)]
            number: u64,
        })*
    };
}

states! {
    Lazy() Bell("Lazy");
    Fallible(error = String) Bell("Fallible");
    Constant(const) Bell("Constant");
}

#[thread_local_state(explicit)]
struct Explicit {
    bell: Bell,
    number: u64,
}

#[thread_local_state(init = given)]
struct Given {
    bell: Bell,
    number: u64,
}

fn given() -> GivenInit {
    GivenInit {
        bell: Bell("Given"),
        number: 1,
    }
}

fn make_all() {
    Lazy::BELL.with(|_| ());
    Fallible::BELL.with(|_| ()).unwrap();
    Constant::BELL.with(|_| ());
    Explicit::state().init_with(ExplicitInit {
        bell: Bell("Explicit"),
        number: 1,
    });
    Given::BELL.with(|_| ());
}

/// What `make_all` leaves to be dropped, in that order.
const ALL: [&str; 5] = ["Given", "Explicit", "Constant", "Fallible", "Lazy"];

/// The second of three states panics when it is dropped.
fn three_with_a_panic(action: fn()) {
    thread::spawn(move || {
        Lazy::BELL.with(|_| ());
        Constant::BELL.with(|_| ());
        Given::BELL.with(|_| ());
        on_drop("Constant", action);
    })
    .join()
    .unwrap();
    say("the process goes on");
    // On this thread as well.
    Lazy::NUMBER.set(2);
}

/// A panic payload that panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the payload's own destructor");
    }
}

struct Torn;

impl Drop for Torn {
    fn drop(&mut self) {
        panic!("torn");
    }
}

#[thread_local_state]
struct Twice {
    #[state(init = Torn)]
    one: Torn,
    #[state(init = Torn)]
    two: Torn,
}

/// A scenario, and what its output has to be.
struct Scenario {
    name: &'static str,
    run: fn(),
    check: fn(&Run),
    stderr: fn() -> Stdio,
}

struct Run {
    status: Option<i32>,
    /// The lines on standard output.
    said: Vec<String>,
    stderr: String,
}

impl Run {
    #[track_caller]
    fn assert_said(&self, expected: &[&str]) {
        assert_eq!(self.said, expected, "standard error: {}", self.stderr);
        assert_eq!(self.status, Some(0));
    }

    /// What states have said.
    fn states(&self) -> Vec<&str> {
        self.said
            .iter()
            .map(String::as_str)
            .filter(is_of_state)
            .collect()
    }

    /// What states say at the end of the main thread, if the platform runs its destructors.
    #[track_caller]
    fn assert_said_at_main_threads_end(&self, expected: &[&str]) {
        if cfg!(tls_core_keys) {
            // Together, before or after the others. Or not at all.
            let said = self.states();
            let expected: Vec<_> = expected.iter().copied().filter(is_of_state).collect();
            assert!(said.is_empty() || said == expected, "{said:?}");
            assert_eq!(self.status, Some(0));
        } else if self.said.iter().any(|line| line == "dropped foreign") {
            self.assert_said(expected);
        } else {
            self.assert_said(&[]);
        }
    }

    #[track_caller]
    fn assert_contained(&self, panicking: &str) {
        let dropped = ["dropped Given", "dropped Constant", "dropped Lazy"];
        assert_eq!(self.said[..3], dropped, "{}", self.stderr);
        assert_eq!(self.said[3], "the process goes on", "{}", self.stderr);
        assert_eq!(self.status, Some(0));
        if !panicking.is_empty() {
            let lines: Vec<_> = self
                .stderr
                .lines()
                .filter(|line| line.contains("thread-local state"))
                .collect();
            assert_eq!(lines.len(), 1, "{}", self.stderr);
            assert!(
                lines[0].contains(&format!("`{panicking}` panicked")),
                "{}",
                self.stderr
            );
        }
    }
}

/// Returns `true` if it was no thread-local of the standard library that said it.
fn is_of_state(line: &&str) -> bool {
    !["dropped later", "dropped foreign"].contains(line)
}

fn dropped(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("dropped {name}")).collect()
}

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "the_main_threads_states_are_dropped_as_std_does_when_main_returns",
        run: || {
            FOREIGN.with(|_| ());
            make_all();
        },
        check: |run| {
            let expected = dropped(&[&ALL[..], &["foreign"]].concat());
            let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
            run.assert_said_at_main_threads_end(&expected);
        },
        stderr: Stdio::piped,
    },
    Scenario {
        name: "the_main_threads_states_are_dropped_as_std_does_at_process_exit",
        run: || {
            FOREIGN.with(|_| ());
            Lazy::BELL.with(|_| ());
            exit(0);
        },
        check: |run| run.assert_said_at_main_threads_end(&["dropped Lazy", "dropped foreign"]),
        stderr: Stdio::piped,
    },
    Scenario {
        name: "what_is_lent_at_process_exit_is_leaked_and_the_rest_is_dropped",
        run: || {
            FOREIGN.with(|_| ());
            Lazy::BELL.with(|_| ());
            Given::BELL.with(|_| ());
            on_drop("Given", || {
                let refused = Lazy::NUMBER.try_with(|_| ()).is_err();
                say(&format!("refused {refused}"));
            });
            let lazy = borrow_mut!(Lazy::state());
            lazy.number += 1;
            exit(0);
        },
        check: |run| {
            run.assert_said_at_main_threads_end(&[
                "dropped Given",
                "refused true",
                "dropped foreign",
            ]);
        },
        stderr: Stdio::piped,
    },
    Scenario {
        name: "the_main_threads_states_and_foreign_thread_locals_are_dropped_in_one_order",
        run: || {
            FOREIGN.with(|_| ());
            Lazy::BELL.with(|_| ());
            LATER.with(|_| ());
            Given::BELL.with(|_| ());
            // Neither moves to another place.
            FOREIGN.with(|_| ());
            Lazy::NUMBER.set(2);
        },
        check: |run| {
            run.assert_said_at_main_threads_end(&[
                "dropped Given",
                "dropped later",
                "dropped Lazy",
                "dropped foreign",
            ]);
        },
        stderr: Stdio::piped,
    },
    // Under keys all states may be gone by then.
    #[cfg(not(tls_core_keys))]
    Scenario {
        name: "the_main_threads_foreign_destructors_may_be_the_first_to_use_a_state",
        run: || {
            FOREIGN.with(|_| ());
            Constant::BELL.with(|_| ());
            LATER.with(|_| ());
            on_drop("later", || {
                Lazy::NUMBER.set(2);
                say(&format!("number {}", Lazy::NUMBER.get()));
                on_drop("foreign", || {
                    let refused = Lazy::NUMBER.try_with(|_| ()).is_err();
                    say(&format!("refused {refused}"));
                });
            });
        },
        check: |run| {
            run.assert_said_at_main_threads_end(&[
                "dropped later",
                "number 2",
                "dropped Lazy",
                "dropped Constant",
                "dropped foreign",
                "refused true",
            ]);
        },
        stderr: Stdio::piped,
    },
    // Under keys all states may be gone by then.
    #[cfg(not(tls_core_keys))]
    Scenario {
        name: "states_and_foreign_thread_locals_make_each_other_in_destructors_at_process_exit",
        run: || {
            FOREIGN.with(|_| ());
            on_drop("foreign", || {
                Lazy::BELL.with(|_| ());
                on_drop("Lazy", || {
                    LATER.with(|_| ());
                    on_drop("later", || Given::BELL.with(|_| ()));
                });
            });
            exit(0);
        },
        check: |run| {
            run.assert_said_at_main_threads_end(&[
                "dropped foreign",
                "dropped Lazy",
                "dropped later",
                "dropped Given",
            ]);
        },
        stderr: Stdio::piped,
    },
    Scenario {
        name: "process_exit_in_a_destructor_of_another_thread_drops_what_is_older_as_std_does",
        run: || {
            thread::spawn(|| {
                FOREIGN.with(|_| ());
                Lazy::BELL.with(|_| ());
                LATER.with(|_| ());
                Given::BELL.with(|_| ());
                on_drop("Given", || exit(0));
            })
            .join()
            .unwrap();
            say("not reached");
        },
        check: |run| {
            if cfg!(tls_core_keys) {
                let states = run.states();
                assert!(
                    ["dropped Given", "dropped Lazy"].starts_with(&states),
                    "{states:?}"
                );
                assert_eq!(run.status, Some(0));
                return;
            }
            let all = [
                "dropped Given",
                "dropped later",
                "dropped Lazy",
                "dropped foreign",
            ];
            // Or none of them, where the platform's exit leaves thread-locals alone.
            let expected = if run.said.len() == 1 { &all[..1] } else { &all };
            run.assert_said(expected);
        },
        stderr: Stdio::piped,
    },
    Scenario {
        name: "two_fields_of_one_value_that_panic_when_they_are_dropped_abort_as_in_any_struct",
        run: || {
            thread::spawn(|| Twice::with_state(|_| ())).join().unwrap();
            say("not reached");
        },
        check: |run| {
            assert!(run.said.is_empty(), "{:?}", run.said);
            assert_ne!(run.status, Some(0));
            let text = "panic in a destructor during cleanup";
            assert!(run.stderr.contains(text), "{}", run.stderr);
        },
        stderr: Stdio::piped,
    },
    Scenario {
        name: "process_exit_inside_an_access_leaks_what_is_borrowed",
        run: || {
            FOREIGN.with(|_| ());
            make_all();
            Lazy::with_state(|_| Given::NUMBER.with_mut(|_| exit(0)));
        },
        check: |run| {
            run.assert_said_at_main_threads_end(&[
                "dropped Explicit",
                "dropped Constant",
                "dropped Fallible",
                "dropped foreign",
            ]);
        },
        stderr: Stdio::piped,
    },
    Scenario {
        name: "process_exit_inside_an_access_on_another_thread_leaks_what_is_borrowed",
        run: || {
            Lazy::BELL.with(|_| ());
            thread::spawn(|| {
                FOREIGN.with(|_| ());
                make_all();
                Constant::with_state_mut(|_| exit(0));
            })
            .join()
            .unwrap();
        },
        check: |run| {
            run.assert_said_at_main_threads_end(&[
                "dropped Given",
                "dropped Explicit",
                "dropped Fallible",
                "dropped Lazy",
                "dropped foreign",
            ]);
        },
        stderr: Stdio::piped,
    },
    Scenario {
        name: "process_exit_inside_an_initializer_drops_the_others",
        run: || {
            FOREIGN.with(|_| ());
            Lazy::BELL.with(|_| ());
            Exiting::with_state(|_| ());
        },
        check: |run| run.assert_said_at_main_threads_end(&["dropped Lazy", "dropped foreign"]),
        stderr: Stdio::piped,
    },
    Scenario {
        name: "process_exit_inside_scopes_and_fresh_states_drops_what_is_there",
        run: || {
            FOREIGN.with(|_| ());
            Lazy::BELL.with(|_| ());
            Given::BELL.scope(Bell("bound"), || {
                Lazy::state().with_fresh(|| {
                    Lazy::BELL.with_mut(|bell| bell.0 = "fresh");
                    exit(0)
                })
            });
        },
        // What is set aside lies on the stack, which nobody unwinds.
        check: |run| {
            run.assert_said_at_main_threads_end(&[
                "dropped fresh",
                "dropped bound",
                "dropped foreign",
            ]);
        },
        stderr: Stdio::piped,
    },
    Scenario {
        name: "a_panic_in_the_middle_destructor_of_three_is_contained",
        run: || three_with_a_panic(|| panic!("in the destructor")),
        check: |run| {
            run.assert_contained("Constant");
            assert!(run.stderr.contains("in the destructor"), "{}", run.stderr);
        },
        stderr: Stdio::piped,
    },
    Scenario {
        name: "a_panic_whose_payload_panics_when_it_is_dropped_is_contained",
        run: || three_with_a_panic(|| panic_any(Bomb)),
        check: |run| run.assert_contained("Constant"),
        stderr: Stdio::piped,
    },
    Scenario {
        name: "a_panic_with_a_payload_of_any_type_is_contained",
        run: || three_with_a_panic(|| panic_any(Box::new(5) as Box<dyn Any + Send>)),
        check: |run| run.assert_contained("Constant"),
        stderr: Stdio::piped,
    },
    #[cfg(unix)]
    Scenario {
        name: "a_panic_is_contained_when_standard_error_is_closed",
        run: || {
            // SAFETY: nothing else uses the descriptor by its number afterwards.
            assert_eq!(unsafe { libc::close(2) }, 0);
            three_with_a_panic(|| panic!("in the destructor"));
        },
        check: |run| run.assert_contained(""),
        stderr: Stdio::piped,
    },
    #[cfg(target_os = "linux")]
    Scenario {
        name: "a_panic_is_contained_when_standard_error_takes_nothing",
        run: || three_with_a_panic(|| panic!("in the destructor")),
        check: |run| run.assert_contained(""),
        stderr: || {
            File::options()
                .write(true)
                .open("/dev/full")
                .unwrap()
                .into()
        },
    },
    Scenario {
        name: "a_panic_in_a_destructor_on_the_main_thread_is_contained",
        run: || {
            FOREIGN.with(|_| ());
            make_all();
            on_drop("Explicit", || panic!("in the destructor"));
        },
        check: |run| {
            let expected = dropped(&[&ALL[..], &["foreign"]].concat());
            let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
            run.assert_said_at_main_threads_end(&expected);
        },
        stderr: Stdio::piped,
    },
    Scenario {
        name: "every_destructor_of_a_thread_may_panic",
        run: || {
            for _ in 0..3 {
                thread::spawn(|| {
                    make_all();
                    PanicsToo::FIRST.with(|_| ());
                })
                .join()
                .unwrap();
            }
            say("the process goes on");
        },
        check: |run| {
            assert_eq!(
                run.said.last().unwrap(),
                "the process goes on",
                "{}",
                run.stderr
            );
            assert_eq!(run.said.len(), 3 * ALL.len() + 1);
            assert_eq!(run.status, Some(0));
        },
        stderr: Stdio::piped,
    },
];

#[thread_local_state]
struct Exiting {
    #[state(init = Bell("half made"))]
    bell: Bell,
    #[state(init = exit(0))]
    number: u64,
}

#[thread_local_state]
struct PanicsToo {
    #[state(init = PanicOnDrop)]
    first: PanicOnDrop,
}

struct PanicOnDrop;

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        panic!("in the destructor");
    }
}

fn spawn(scenario: &Scenario) -> Run {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .env(SCENARIO, scenario.name)
        .env("RUST_BACKTRACE", "0")
        .stderr((scenario.stderr)());
    // A contained panic's payload is forgotten on purpose.
    if scenario.name.contains("panic") {
        let options = env::var("ASAN_OPTIONS").unwrap_or_default();
        command.env("ASAN_OPTIONS", format!("{options}:detect_leaks=0"));
    }
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stdout);
    Run {
        status: status.code(),
        said: said.lines().map(str::to_owned).collect(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

fn main() -> ExitCode {
    if let Ok(name) = env::var(SCENARIO) {
        let scenario = SCENARIOS
            .iter()
            .find(|scenario| scenario.name == name)
            .unwrap();
        (scenario.run)();
        return ExitCode::SUCCESS;
    }
    let filter = env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let chosen = SCENARIOS.iter().filter(|scenario| {
        filter
            .as_ref()
            .is_none_or(|filter| scenario.name.contains(filter))
    });
    let mut failures = 0;
    for scenario in chosen {
        let run = spawn(scenario);
        let outcome = std::panic::catch_unwind(|| (scenario.check)(&run));
        failures += u32::from(outcome.is_err());
        println!(
            "test {} ... {}",
            scenario.name,
            if outcome.is_ok() { "ok" } else { "FAILED" }
        );
    }
    ExitCode::from(u8::from(failures > 0))
}
