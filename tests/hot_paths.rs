//! Counts the instructions of the accessors' hot paths in the assembly of a small program.
//!
//! Instructions and not time: what these cost is lost in the noise of a call and a return.
//! When a count goes up, look at the assembly that the failure prints before raising a bound.
#![cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]

#[path = "support/cargo.rs"]
mod cargo;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use cargo::{cargo, run};

/// What is compiled. `BARE` is what the others are compared with.
const PROGRAM: &str = r"
use std::cell::Cell;
use tls_core::shared::{Gauge, UpDown};
use tls_core::{Counter, thread_local_state};

#[thread_local_state]
pub struct State {
    buffer: Vec<u8>,
    count: u64,
    #[state(shared)]
    counter: Counter,
    #[state(shared)]
    by_kind: [Counter; 3],
    #[state(shared)]
    up_down: UpDown,
    #[state(shared)]
    gauge: Gauge,
}

#[thread_local_state(fork = reset)]
pub struct ResetByFork {
    buffer: Vec<u8>,
    count: u64,
}

thread_local! {
    static BARE: Cell<u64> = const { Cell::new(0) };
}

#[unsafe(no_mangle)]
pub fn bare_get() -> u64 {
    BARE.with(Cell::get)
}

#[unsafe(no_mangle)]
pub fn bare_set(value: u64) {
    BARE.with(|bare| bare.set(value));
}

#[unsafe(no_mangle)]
pub fn bare_increment() {
    BARE.with(|bare| bare.set(bare.get() + 1));
}

#[unsafe(no_mangle)]
pub fn bare_opaque() -> u64 {
    BARE.with(bare_body) + 1
}

#[inline(never)]
fn bare_body(bare: &Cell<u64>) -> u64 {
    std::hint::black_box(bare).get()
}

#[unsafe(no_mangle)]
pub fn get() -> u64 {
    State::COUNT.get()
}

#[unsafe(no_mangle)]
pub fn set(value: u64) {
    State::COUNT.set(value);
}

#[unsafe(no_mangle)]
pub fn update() {
    State::COUNT.update(|count| count + 1);
}

#[unsafe(no_mangle)]
pub fn with() -> u64 {
    State::COUNT.with(|count| *count)
}

#[unsafe(no_mangle)]
pub fn with_mut() {
    State::COUNT.with_mut(|count| *count += 1);
}

#[unsafe(no_mangle)]
pub fn with_state() -> u64 {
    State::with_state(|state| state.count)
}

#[unsafe(no_mangle)]
pub fn with_state_mut() {
    State::with_state_mut(|state| state.count += 1);
}

#[unsafe(no_mangle)]
pub fn opaque() -> u64 {
    State::with_state_mut(body) + 1
}

#[unsafe(no_mangle)]
pub fn counter() {
    State::COUNTER.increment();
}

#[unsafe(no_mangle)]
pub fn counter_of_an_array() {
    State::BY_KIND.at(1).increment();
}

#[unsafe(no_mangle)]
pub fn up_down() {
    State::UP_DOWN.decrement();
}

#[unsafe(no_mangle)]
pub fn gauge(value: i64) {
    State::GAUGE.set(value);
}

#[unsafe(no_mangle)]
pub fn update_reset_by_fork() {
    ResetByFork::COUNT.update(|count| count + 1);
}

#[unsafe(no_mangle)]
pub fn with_state_mut_reset_by_fork() {
    ResetByFork::with_state_mut(|state| state.count += 1);
}

#[inline(never)]
fn body(state: &mut State) -> u64 {
    std::hint::black_box(state).count
}

fn main() {
    State::BUFFER.with_mut(|buffer| buffer.push(1));
    ResetByFork::BUFFER.with_mut(|buffer| buffer.push(1));
}
";

static ASSEMBLY: LazyLock<String> = LazyLock::new(compile);

/// Compiles the program, optimized, and returns its assembly.
fn compile() -> String {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hot-paths");
    let manifest = package.join("Cargo.toml");
    let assembly = package.join("assembly.s");
    fs::create_dir_all(package.join("src")).unwrap();
    // The versions that the workspace has downloaded already.
    fs::copy(workspace.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    write_if_new(&package.join("src/main.rs"), PROGRAM);
    write_if_new(
        &manifest,
        &format!(
            "[package]\n\
             name = 'hot-paths'\n\
             version = '0.0.0'\n\
             edition = '2024'\n\
             [dependencies]\n\
             tls-core = {{ path = '{}' }}\n\
             [profile.release]\n\
             opt-level = 3\n\
             codegen-units = 1\n\
             [workspace]\n",
            workspace.join("tls-core").display()
        ),
    );

    let arguments = ["rustc", "--release"];
    let mut cargo = cargo(&arguments, &package.join("target"));
    cargo
        .arg("--manifest-path")
        .arg(&manifest)
        .arg("--")
        .arg(format!("--emit=link,asm={}", assembly.display()));
    run(&mut cargo);
    fs::read_to_string(assembly).unwrap()
}

/// Leaves the file's time alone if nothing has changed: then there is nothing to compile.
fn write_if_new(path: &Path, text: &str) {
    if fs::read_to_string(path).ok().as_deref() != Some(text) {
        fs::write(path, text).unwrap();
    }
}

/// What runs from the beginning of a function to its end if no branch is taken.
struct StraightPath {
    /// The final `ret` is not among them.
    instructions: Vec<&'static str>,
    /// The whole function, to be shown.
    function: String,
}

impl StraightPath {
    fn of(name: &str) -> Self {
        let function: Vec<&'static str> = ASSEMBLY
            .lines()
            .skip_while(|line| *line != format!("{name}:"))
            .take_while(|line| !line.starts_with(".Lfunc_end"))
            .collect();
        assert!(!function.is_empty(), "no `{name}` in\n{}", *ASSEMBLY);
        let mut instructions = Vec::new();
        for line in function.iter().map(|line| line.trim()) {
            let is_label = line.ends_with(':');
            if line.is_empty() || is_label || line.starts_with(['.', '#']) {
                continue;
            }
            if line.starts_with("ret") {
                return Self {
                    instructions,
                    function: function.join("\n"),
                };
            }
            assert!(
                !line.starts_with("jmp"),
                "the straight path of `{name}` is not straight:\n{}",
                function.join("\n")
            );
            instructions.push(line);
        }
        panic!("`{name}` does not return:\n{}", function.join("\n"));
    }

    fn count(&self, is_meant: impl Fn(&str) -> bool) -> usize {
        self.instructions
            .iter()
            .filter(|instruction| is_meant(instruction))
            .count()
    }

    fn branches(&self) -> usize {
        self.count(|instruction| instruction.starts_with('j'))
    }

    fn calls(&self) -> usize {
        self.count(|instruction| instruction.starts_with("call"))
    }

    fn locked(&self) -> usize {
        self.count(|instruction| instruction.starts_with("lock") || instruction.starts_with("xchg"))
    }
}

/// Checks that an accessor costs this much more than a bare thread-local's, and one branch.
#[track_caller]
fn assert_cost(name: &str, bare: &str, at_most: usize) {
    let path = StraightPath::of(name);
    let limit = StraightPath::of(bare).instructions.len() + at_most;
    let found = path.instructions.len();
    assert!(
        found <= limit,
        "`{name}` takes {found} instructions instead of {limit}:\n{}",
        path.function
    );
    let others = (path.branches(), path.calls(), path.locked());
    assert_eq!(
        others,
        (1, 0, 0),
        "branches, calls and locked instructions of `{name}`:\n{}",
        path.function
    );
}

#[test]
fn the_yardstick_is_a_single_instruction() {
    for bare in ["bare_get", "bare_set", "bare_increment"] {
        let path = StraightPath::of(bare);
        assert_eq!(path.instructions.len(), 1, "`{bare}`:\n{}", path.function);
    }
}

#[test]
fn get_costs_one_test_and_one_branch() {
    assert_cost("get", "bare_get", 2);
}

#[test]
fn set_costs_one_test_and_one_branch() {
    assert_cost("set", "bare_set", 2);
}

#[test]
fn update_costs_one_test_and_one_branch() {
    assert_cost("update", "bare_increment", 2);
}

#[test]
fn with_costs_one_test_and_one_branch() {
    assert_cost("with", "bare_get", 2);
}

#[test]
fn with_mut_costs_one_test_and_one_branch() {
    assert_cost("with_mut", "bare_increment", 2);
}

#[test]
fn with_state_costs_one_test_and_one_branch() {
    assert_cost("with_state", "bare_get", 2);
}

#[test]
fn with_state_mut_costs_one_test_and_one_branch() {
    assert_cost("with_state_mut", "bare_increment", 2);
}

#[test]
fn counting_costs_one_test_and_one_branch_and_locks_nothing() {
    assert_cost("counter", "bare_increment", 3);
    assert_cost("counter_of_an_array", "bare_increment", 3);
    assert_cost("up_down", "bare_increment", 3);
    assert_cost("gauge", "bare_set", 3);
}

#[test]
fn reset_by_fork_costs_an_access_nothing() {
    assert_cost("update_reset_by_fork", "bare_increment", 2);
    assert_cost("with_state_mut_reset_by_fork", "bare_increment", 2);
}

#[test]
fn a_body_that_is_not_inlined_costs_four_instructions_more() {
    let path = StraightPath::of("opaque");
    let limit = StraightPath::of("bare_opaque").instructions.len() + 4;
    let found = path.instructions.len();
    assert!(
        found <= limit,
        "`opaque` takes {found} instructions instead of {limit}:\n{}",
        path.function
    );
    // The test before. There is none after: nothing joins an exclusive borrow of the whole.
    let others = (path.branches(), path.calls(), path.locked());
    assert_eq!(others, (1, 1, 0), "`opaque`:\n{}", path.function);
}
