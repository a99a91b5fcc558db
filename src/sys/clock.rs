//! Whether somebody keeps the system clock right. In: nothing. Out: the kernel's word. Nothing is set. Spec: adjtimex(2).

/// False while nobody does (`STA_UNSYNC`); `None` where the kernel does not tell.
pub fn is_synchronised() -> Option<bool> {
    // SAFETY: the structure is plain numbers, for all of which zero is a value.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: `state` is a whole structure that outlives the call; with no mode nothing is set.
    let answer = unsafe { libc::adjtimex(&raw mut state) };
    (answer >= 0).then_some(answer != libc::TIME_ERROR && state.status & libc::STA_UNSYNC == 0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kernel_answers_the_same_twice() {
        assert_eq!(super::is_synchronised(), super::is_synchronised());
        assert!(super::is_synchronised().is_some());
    }
}
