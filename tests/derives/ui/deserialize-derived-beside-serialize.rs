use tls_core::thread_local_state;

#[thread_local_state]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Worker {
    // Does not implement `Deserialize`, which is no further mistake.
    #[serde(skip_serializing)]
    started: std::cell::OnceCell<std::time::Instant>,
}

fn main() {}
