//! The system's requests to stop: Ctrl-C, and SIGTERM as service managers send it.

use tokio::task::spawn_local;

/// The exit code of a program that Ctrl-C ended.
const EXIT_INTERRUPTED: i32 = 130;

/// Ends with the first signal; a second one ends the process without waiting.
pub async fn stopped() {
    once().await;
    tracing::info!("stopping; once more ends at once");
    spawn_local(async {
        once().await;
        std::process::exit(EXIT_INTERRUPTED);
    });
}

/// One signal. Where the system gives no notice of one kind, only the other is waited for.
async fn once() {
    let interrupted = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!("Ctrl-C ends the server without notice: {error}");
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupted => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signals) => drop(signals.recv().await),
        Err(error) => {
            tracing::warn!("SIGTERM ends the server without notice: {error}");
            std::future::pending().await
        }
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::process::Command;
    use std::task::Poll;
    use std::time::Duration;

    use super::*;

    #[test]
    fn sigterm_is_heard() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let heard = async {
            let mut stopped = pin!(stopped());
            // The first poll begins to listen; a signal before it would end the tests.
            let waits =
                poll_fn(|context| Poll::Ready(stopped.as_mut().poll(context).is_pending())).await;
            let id = std::process::id().to_string();
            let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
            assert!(waits && sent.success());
            tokio::time::timeout(Duration::from_secs(10), stopped).await.unwrap();
        };
        tokio::task::LocalSet::new().block_on(&runtime, heard);
    }
}
