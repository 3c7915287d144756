//! `[[providers.cosign.members]]`: every member, this one included, as all of them have it in their files.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::backends::cosign::settings::{MemberSettings, Members};
use crate::link::Address;
use crate::settings::{Problem, Spanned, TableReader};
use crate::shares::MOST;
use crate::text::base64;

const NAME: &str = "[[providers.cosign.members]]";

/// A member with its places.
struct WrittenMember {
    span: Range<usize>,
    id: Spanned<u16>,
    addr: Range<usize>,
    public_share: Option<Range<usize>>,
    member: MemberSettings,
}

/// Reads them, by rising ids; `None` where something is wrong with one, or with all of them together.
pub(super) fn members(
    section: &mut TableReader<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Vec<MemberSettings>> {
    let before = problems.len();
    let is_there = section.place_of("members").is_some();
    let sections = section.sections("members", NAME, problems);
    let (written, span) = (sections.len(), section.span.clone());
    let none_told = problems.len() == before;
    let mut read = Vec::new();
    for section in sections {
        read.extend(member(section, problems));
    }
    if !is_there || (written < 2 && none_told) {
        problems.push(Problem::at(
            span,
            "the members are missing",
            match written {
                0 => "nobody signs together with this share",
                _ => "one member alone has no key",
            },
            format!(
                "add a {NAME} with `id`, `addr` and `public_share` for every member, this one included; `cosign split` writes them \
                 into the cosign.toml beside each share"
            ),
        ));
        return None;
    }
    one_of_each(&read, problems);
    // Of sections that could not be read nothing is known, so no member is said to be missing.
    if read.len() == written && problems.len() == before {
        none_left_out(&read, problems);
    }
    let mut members: Vec<_> = read.into_iter().map(|written| written.member).collect();
    members.sort_by_key(|member| member.id);
    (problems.len() == before).then_some(members)
}

fn member(mut section: TableReader<'_>, problems: &mut Vec<Problem>) -> Option<WrittenMember> {
    let id = id(&mut section, problems);
    let addr = section.required("addr", "\"tcp://PEER_ID@member-2.example:26669\"", problems);
    let address = addr.as_ref().and_then(|addr| address(addr, problems));
    let public_share = match section.place_of("public_share") {
        None => {
            let _ = section.any("public_share");
            Some(None)
        }
        Some(_) => public_share(&mut section, problems).map(Some),
    };
    let span = section.span.clone();
    section.finish(problems);
    let (id, addr, public_share) = (id?, addr?, public_share?);
    let Address::Tcp {
        peer_id: Some(peer_id),
        host,
        port,
    } = address?
    else {
        return None;
    };
    Some(WrittenMember {
        span,
        member: MemberSettings {
            id: id.value,
            peer_id,
            host,
            port,
            public_share: public_share.as_ref().map(|found| found.value),
        },
        id,
        addr: addr.span,
        public_share: public_share.map(|found| found.span),
    })
}

fn id(section: &mut TableReader<'_>, problems: &mut Vec<Problem>) -> Option<Spanned<u16>> {
    if section.place_of("id").is_none() {
        let _ = section.any("id");
        problems.push(Problem::at(
            section.span.clone(),
            "`id` is missing",
            "which member is this?",
            "add `id = N` with the `id` of the share that this member has",
        ));
        return None;
    }
    let most = u64::try_from(MOST).unwrap_or(u64::MAX);
    let found = section.number("id", 1..=most, problems)?;
    Some(Spanned {
        value: u16::try_from(found.value).ok()?,
        span: found.span,
    })
}

/// A member's address, which says by its peer id who has to be there.
fn address(addr: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<Address> {
    let mut refuse = |title: &str, label: String, help: &str| {
        problems.push(Problem::at(addr.span.clone(), title, label, help));
        None
    };
    const EXAMPLE: &str = "write `addr = \"tcp://PEER_ID@HOST:PORT\"` with the peer id of the member's identity key and the port \
                           where it listens";
    match addr.value.parse::<Address>() {
        Ok(
            address @ Address::Tcp {
                peer_id: Some(_), ..
            },
        ) => Some(address),
        Ok(Address::Tcp { peer_id: None, .. }) => refuse(
            "the peer id of this member is missing",
            "anybody might be there".to_owned(),
            EXAMPLE,
        ),
        Ok(Address::Noise { .. } | Address::Unix(_)) => refuse(
            "members are reached by tcp://",
            "the encrypted stream of tcp:// links is what members speak".to_owned(),
            EXAMPLE,
        ),
        Err(error) => {
            let why = error.to_string();
            let why = why.split(';').next().unwrap_or_default();
            refuse(
                "this is not the address of a member",
                why.to_owned(),
                EXAMPLE,
            )
        }
    }
}

fn public_share(
    section: &mut TableReader<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Spanned<[u8; 32]>> {
    let written = section.text("public_share", problems)?;
    let bytes = base64::decode(written.value.as_bytes());
    let Some(bytes) = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) else {
        problems.push(Problem::at(
            written.span,
            "this is not a public share",
            "expected 32 bytes in base64",
            "`cosign split` writes the public share of every member into cosign.toml, and `cosign import` prints that of its member",
        ));
        return None;
    };
    Some(Spanned {
        value: bytes,
        span: written.span,
    })
}

/// No two members have one id, one address, one identity or one share.
fn one_of_each(read: &[WrittenMember], problems: &mut Vec<Problem>) {
    let mut ids = BTreeMap::new();
    let mut peers = BTreeMap::new();
    let mut places = BTreeMap::new();
    let mut shares = BTreeMap::new();
    for written in read {
        let member = &written.member;
        let mut twice = |span: &Range<usize>, title: String, label: String, help: &str| {
            problems.push(Problem::at(span.clone(), title, label, help));
        };
        if ids.insert(member.id, ()).is_some() {
            twice(
                &written.id.span,
                format!("member {} stands here twice", member.id),
                "this id has a section already".to_owned(),
                "give each member the `id` of its own share, and one section",
            );
            continue;
        }
        if let Some(other) = peers.insert(member.peer_id.to_string(), member.id) {
            twice(
                &written.addr,
                format!("members {other} and {} have one peer id", member.id),
                format!("it is that of member {other}"),
                "each member has an identity key of its own, and that key's peer id stands in its `addr`",
            );
        }
        let place = (member.host.to_ascii_lowercase(), member.port);
        if let Some(other) = places.insert(place, member.id) {
            twice(
                &written.addr,
                format!("members {other} and {} have one address", member.id),
                format!("member {other} listens there"),
                "each member listens at an address of its own: correct one of the two",
            );
        }
        let share = member.public_share.zip(written.public_share.as_ref());
        if let Some((share, span)) = share
            && let Some(other) = shares.insert(share, member.id)
        {
            twice(
                span,
                format!("members {other} and {} have one share", member.id),
                format!("it is the public share of member {other}"),
                "each member has a share of its own: write the public share of this one, and if both hosts hold one file, bring \
                 each its own",
            );
        }
    }
}

/// The ids of n members are 1 to n.
fn none_left_out(read: &[WrittenMember], problems: &mut Vec<Problem>) {
    let Some(highest) = read.iter().max_by_key(|written| written.member.id) else {
        return;
    };
    let is_there = |id: u16| read.iter().any(|written| written.member.id == id);
    let missing: Vec<u16> = (1..highest.member.id).filter(|id| !is_there(*id)).collect();
    if missing.is_empty() {
        return;
    }
    problems.push(Problem::at(
        highest.span.clone(),
        format!(
            "{} {} missing",
            Members(&missing),
            if missing.len() == 1 { "is" } else { "are" }
        ),
        format!("this is member {}", highest.member.id),
        format!("add a {NAME} for every member; of N members the ids are 1 to N"),
    ));
}
