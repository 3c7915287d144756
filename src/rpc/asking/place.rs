//! Our place in the sets of validators, looked for page by page: one search at a time, some of its pages a turn. Both who asks for the
//! power and who asks why a vote is missing go on with it, so that the largest set keeps no node from answering for its newest block.

use std::time::{Duration, Instant};

use crate::consensus::{Height, PublicKey};
use crate::rpc::answers::{LONGEST_VALIDATORS, PER_PAGE, ValidatorsPage, read_validators};
use crate::rpc::standing::ValidatorStanding;
use crate::rpc::trouble::RpcTrouble;

use super::client::RpcClient;

/// How long it is believed of other sets that we are in none: on a large chain each block has another one, and to find nobody all of its
/// pages have to be asked for.
const OUTSIDE_FOR: Duration = Duration::from_secs(60);

/// What came of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlaceFound {
    /// We stand there.
    At(ValidatorStanding),
    /// Not all pages were asked for in this turn.
    NotYet,
}

/// Where we stand, as one node says.
pub(super) struct PlaceSearch {
    /// The page on which we were found last. Validators stand there by their power, so it hardly changes.
    page: u64,
    /// The set in which we were looked for last.
    known: Option<KnownSet>,
    /// The search that goes on. All of its pages are those of one height.
    under_way: Option<PagesLeft>,
}

struct KnownSet {
    /// `None` where it was asked for by height only.
    hash: Option<[u8; 32]>,
    key: PublicKey,
    standing: ValidatorStanding,
    asked: Instant,
}

struct PagesLeft {
    height: Height,
    key: PublicKey,
    /// We are not on this one.
    but: u64,
    next: u64,
    /// How many there are.
    pages: u64,
}

impl Default for PlaceSearch {
    fn default() -> Self {
        Self {
            page: 1,
            known: None,
            under_way: None,
        }
    }
}

impl PlaceSearch {
    /// Our place in the set with this hash, that of a height.
    ///
    /// # Errors
    /// [`RpcTrouble`].
    pub fn at(
        &mut self,
        node: &mut RpcClient,
        height: Height,
        hash: &[u8; 32],
        key: &PublicKey,
        over: &dyn Fn() -> bool,
    ) -> Result<PlaceFound, RpcTrouble> {
        let known = self.known.as_ref().filter(|set| set.key == *key);
        let known = known.filter(|set| set.hash == Some(*hash) || set.is_outside());
        if let Some(known) = known {
            return Ok(PlaceFound::At(known.standing));
        }
        let found = self.look(node, height, key, over)?;
        self.note(Some(*hash), key, found);
        Ok(found)
    }

    /// Our place in the set of the newest height.
    ///
    /// # Errors
    /// [`RpcTrouble`].
    pub fn newest(
        &mut self,
        node: &mut RpcClient,
        height: Height,
        key: &PublicKey,
        over: &dyn Fn() -> bool,
    ) -> Result<PlaceFound, RpcTrouble> {
        let known = self.known.as_ref().filter(|set| set.key == *key);
        if known.is_some_and(KnownSet::is_outside) {
            return Ok(PlaceFound::At(ValidatorStanding::Outside));
        }
        let found = self.look(node, height, key, over)?;
        if found == PlaceFound::At(ValidatorStanding::Outside) {
            self.note(None, key, found);
        }
        Ok(found)
    }

    fn note(&mut self, hash: Option<[u8; 32]>, key: &PublicKey, found: PlaceFound) {
        if let PlaceFound::At(standing) = found {
            self.known = Some(KnownSet {
                hash,
                key: key.clone(),
                standing,
                asked: Instant::now(),
            });
        }
    }

    /// First on the page on which we were last, then on all others.
    fn look(
        &mut self,
        node: &mut RpcClient,
        height: Height,
        key: &PublicKey,
        over: &dyn Fn() -> bool,
    ) -> Result<PlaceFound, RpcTrouble> {
        let left = self.under_way.take().filter(|left| left.key == *key);
        let left = match left {
            Some(left) => left,
            None if over() => return Ok(PlaceFound::NotYet),
            None => match self.first_page(node, height, key)? {
                Ok(standing) => return Ok(PlaceFound::At(standing)),
                Err(left) => left,
            },
        };
        let searched = left.height;
        match self.others(node, left, over)? {
            // That was another height's set: in this one we are on that page, too, or are looked for anew.
            PlaceFound::At(ValidatorStanding::Power(_)) if searched != height => {
                match self.first_page(node, height, key)? {
                    Ok(standing) => Ok(PlaceFound::At(standing)),
                    Err(left) => {
                        self.under_way = Some(left);
                        Ok(PlaceFound::NotYet)
                    }
                }
            }
            found => Ok(found),
        }
    }

    /// Our power, or the pages that are left.
    fn first_page(
        &mut self,
        node: &mut RpcClient,
        height: Height,
        key: &PublicKey,
    ) -> Result<Result<ValidatorStanding, PagesLeft>, RpcTrouble> {
        let found = match ask(node, height, self.page, key) {
            // The set has fewer pages by now.
            Err(RpcTrouble::Said(_)) if self.page > 1 => {
                self.page = 1;
                ask(node, height, self.page, key)?
            }
            found => found?,
        };
        Ok(match found.power {
            Some(power) => Ok(ValidatorStanding::Power(power)),
            None => Err(PagesLeft {
                height,
                key: key.clone(),
                but: self.page,
                next: 1,
                pages: found.total.div_ceil(PER_PAGE),
            }),
        })
    }

    fn others(
        &mut self,
        node: &mut RpcClient,
        mut left: PagesLeft,
        over: &dyn Fn() -> bool,
    ) -> Result<PlaceFound, RpcTrouble> {
        while left.next <= left.pages {
            if left.next == left.but {
                left.next = left.next.saturating_add(1);
                continue;
            }
            if over() {
                self.under_way = Some(left);
                return Ok(PlaceFound::NotYet);
            }
            let found = ask(node, left.height, left.next, &left.key)?;
            if let Some(power) = found.power {
                self.page = left.next;
                return Ok(PlaceFound::At(ValidatorStanding::Power(power)));
            }
            left.next = left.next.saturating_add(1);
        }
        Ok(PlaceFound::At(ValidatorStanding::Outside))
    }
}

impl KnownSet {
    fn is_outside(&self) -> bool {
        self.standing == ValidatorStanding::Outside && self.asked.elapsed() < OUTSIDE_FOR
    }
}

fn ask(
    node: &mut RpcClient,
    height: Height,
    page: u64,
    key: &PublicKey,
) -> Result<ValidatorsPage, RpcTrouble> {
    let question = format!("/validators?height={height}&page={page}&per_page={PER_PAGE}");
    let found = read_validators(&node.get(&question, LONGEST_VALIDATORS)?, key)?;
    match found.power.is_none() && found.count == 0 && found.total > 0 {
        true => Err(RpcTrouble::NotRpc("a page of its validators is empty")),
        false => Ok(found),
    }
}
