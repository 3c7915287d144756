//! How somebody wants to see the page.

/// How somebody wants to see the page. It is loaded again every few seconds, so a link keeps what a click would lose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageView {
    /// Whether the latencies are unfolded: `/?latency`.
    pub latency: bool,
}

impl PageView {
    /// What the query of an address asks for.
    pub fn of_query(query: Option<&str>) -> Self {
        let mut words = query.unwrap_or_default().split('&');
        Self {
            latency: words.any(|word| word == "latency"),
        }
    }
}
