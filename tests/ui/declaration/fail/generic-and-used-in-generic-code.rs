use tls_core::{Counter, thread_local_state};

#[thread_local_state(error = std::fmt::Error)]
struct Cache<T> {
    values: Vec<T>,
    hits: u64,
    #[state(shared)]
    done: Counter,
}

impl<T: Clone> Cache<T> {
    fn add(value: T) -> Result<u64, std::fmt::Error> {
        Self::VALUES.with_mut(|values| values.push(value))?;
        Self::HITS.update(|hits| hits + 1)?;
        Self::DONE.increment();
        Self::with_state_mut(|cache| cache.values.clear())?;
        let _first = Cache::<T>::VALUES.with(|values| values[0].clone())?;
        tls_core::borrow_mut!(try Self::VALUES).clear();
        Self::HITS.get()
    }
}

fn main() {
    Cache::<&str>::VALUES.take().unwrap();
    Cache::<u8>::state().reset();
    Cache::add(String::new()).unwrap();
}
