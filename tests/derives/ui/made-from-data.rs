//! Derives that make a value from data.

mod deserialize_derived_beside_serialize {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Worker {
        // Does not implement `Deserialize`, which is no further mistake.
        #[serde(skip_serializing)]
        started: std::cell::OnceCell<std::time::Instant>,
    }
}

mod deserialize_derived_of_what_cannot_be {
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
}

mod borsh_deserialize_derived_below_the_attribute {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(borsh::BorshSerialize, borsh::BorshDeserialize)]
    struct Worker {
        #[borsh(skip)]
        jobs: u64,
    }
}

mod arbitrary_derived_below_the_attribute {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(Debug, arbitrary::Arbitrary)]
    struct Worker {
        #[arbitrary(default)]
        jobs: u64,
    }
}

fn main() {}
