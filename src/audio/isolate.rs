//! A panic inside a decoder as an error of its file.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::AudioErrorKind;

/// Runs code of the decoders, in which a damaged file may set off a panic.
pub(super) fn isolate<T>(
    run: impl FnOnce() -> Result<T, AudioErrorKind>,
) -> Result<T, AudioErrorKind> {
    // After a panic nothing that `run` touched is used again.
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Err(AudioErrorKind::DecoderPanic(panic_message(&*panic))))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(message), _) => (*message).to_owned(),
        (None, Some(message)) => message.clone(),
        (None, None) => "unknown panic".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_a_decoder_becomes_an_error_with_its_message() {
        let error = isolate(|| -> Result<(), _> { panic!("index out of bounds") }).unwrap_err();
        let AudioErrorKind::DecoderPanic(message) = error else {
            panic!("{error:?}")
        };
        assert_eq!(message, "index out of bounds");
    }
}
