//! States beside a runtime that moves its tasks between threads.

use std::collections::HashSet;
use std::thread;

use tls_core::thread_local_state;
use tokio::task::yield_now;

#[thread_local_state]
struct Context {
    request: u64,
    /// Set once on each thread of the runtime, and never by a task.
    #[state(init = thread::current().id())]
    thread: thread::ThreadId,
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(4).enable_all().build().unwrap()
}

#[test]
fn each_task_sees_its_own_request_on_every_thread_that_runs_it() {
    let threads = runtime().block_on(async {
        let tasks: Vec<_> = (1..=200)
            .map(|number| {
                let task = async move {
                    let mut threads = HashSet::new();
                    for round in 0..50 {
                        assert_eq!(Context::REQUEST.get(), number * 1_000 + round);
                        threads.insert(Context::THREAD.get());
                        assert_eq!(Context::THREAD.get(), thread::current().id());
                        Context::REQUEST.update(|request| request + 1);
                        yield_now().await;
                    }
                    threads.len()
                };
                tokio::spawn(Context::REQUEST.scope_future(number * 1_000, task))
            })
            .collect();
        let mut most = 0;
        for task in tasks {
            most = most.max(task.await.unwrap());
        }
        // Whatever ran them, nothing of it is left.
        let after: Vec<_> = (0..50)
            .map(|_| tokio::spawn(async { Context::REQUEST.get() }))
            .collect();
        for task in after {
            assert_eq!(task.await.unwrap(), 0);
        }
        most
    });
    println!("a task ran on up to {threads} threads");
}

#[test]
fn a_task_that_is_aborted_or_panics_leaves_its_thread_as_it_was() {
    runtime().block_on(async {
        for number in 1..=50_u64 {
            let work = async move {
                yield_now().await;
                assert!(number % 2 == 0, "as planned");
                std::future::pending::<()>().await;
            };
            let task = tokio::spawn(Context::REQUEST.scope_future(number, work));
            yield_now().await;
            task.abort();
            assert!(task.await.is_err());
            assert_eq!(
                tokio::spawn(async { Context::REQUEST.get() })
                    .await
                    .unwrap(),
                0
            );
        }
    });
}
