use tls_core::thread_local_state;

#[thread_local_state]
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Worker {
    started: std::cell::OnceCell<std::time::Instant>,
    #[serde(default)]
    #[cfg_attr(all(), serde(rename = "count"))]
    jobs: u64,
}

fn main() {}
