//! The service, and the commands beside it.

use super::support::home::{PATIENCE, sign};
use super::walk::Walk;

#[test]
fn a_service_that_does_not_run() {
    let walk = Walk::of("a_service_that_does_not_run");
    walk.home.init();
    let said = walk.tmkms(&["status"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let printed = walk.printed(&said.text, "start it with", "tmkms start");
    let _service = walk.paste_running(&printed);
    let mut node = walk.node.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &walk.home.key, 1, 1));
    assert_eq!(walk.tmkms(&["status"]).code, 0);
}
